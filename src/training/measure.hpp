// Training steps measured as they are: the same trainer, data made up, nothing written.
#pragma once

#include "training/accounting.hpp"
#include "training/trainer.hpp"

namespace elbo::training {

/// The configuration without what only a training in its folder has: validation, values of another run, patience.
config::Config for_measuring(config::Config config);

/// Makes steps, one epoch after the other. Collective.
void make_steps(Trainer& trainer, std::uint64_t count);

struct Measured {
    std::vector<double> rates; ///< samples a second of all ranks together, one a repeat, ascending
    std::uint64_t steps = 0;   ///< of all repeats
    std::vector<RankAccounts> ranks;

    double median() const;
};

/// Repeats of equally many steps after a warm-up; a repeat takes as long as on the rank that ends it last. Collective.
Measured measure(const comm::Communicator& world, Trainer& trainer, double seconds);

} // namespace elbo::training
