// Training steps measured as they are: the same trainer, data made up, nothing written.
#pragma once

#include "training/accounting.hpp"
#include "training/trainer.hpp"

#include <optional>
#include <vector>

namespace elbo::training {

/// The configuration without what only a training in its folder has: validation, values of another run, patience.
config::Config for_measuring(config::Config config);

/// Makes steps, one epoch after the other. Collective.
void make_steps(Trainer& trainer, std::uint64_t count);

/// The mean of the middle two of an even number of values.
double median_of(std::vector<double> values);

struct Measured {
    std::vector<double> rates; ///< samples a second of all ranks together, one a repeat, ascending
    std::uint64_t steps = 0;   ///< of all repeats
    std::vector<RankAccounts> ranks;

    double median() const;
};

/// Repeats of equally many steps after a warm-up; a repeat takes as long as on the rank that ends it last. Collective.
Measured measure(const comm::Communicator& world, Trainer& trainer, double seconds);

/// Seconds a step, the slowest rank's, medians over rounds in which all are measured in turn.
struct Overlap {
    double off = 0;      ///< without messages between nodes
    double alone = 0;    ///< the messages alone, without computation
    double together = 0; ///< a step as it is
    double ideal = 0;    ///< a step whose buckets travel one after the other, each from the moment it is there

    double can_be_hidden() const { return off + alone - ideal; }
    /// Of what can be hidden; nothing where nothing can.
    std::optional<double> overlapped() const {
        return can_be_hidden() > 0 ? std::optional(hidden() / can_be_hidden()) : std::nullopt;
    }
    double hidden() const { return off + alone - together; }
};

/// What of the exchange between nodes hides behind the backward pass. The nodes' values differ afterwards. Collective;
/// for two nodes or more.
Overlap measure_overlap(const comm::Communicator& world, Trainer& trainer, double seconds);

} // namespace elbo::training
