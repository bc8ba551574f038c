// How far a training is: everything that a resumed run must know besides the arrays.
#pragma once

#include "model/vae.hpp"
#include "optimizers/optimizer.hpp"
#include "storage/checkpoint.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace elbo::training {

/// Trivially copyable, so that rank 0 can hand it to the others as bytes.
struct State {
    std::uint64_t step = 0;       ///< updates made
    std::uint64_t epoch = 0;      ///< epochs finished
    std::uint64_t position = 0;   ///< samples done of the epoch that is under way
    model::Bound epoch_sum;       ///< over the epoch so far, all ranks
    model::Bound line_sum;        ///< since the last line of metrics.jsonl, all ranks
    double best = 0;              ///< validation ELBO, nats a sample
    std::uint64_t best_epoch = 0; ///< 0: none yet
    std::uint64_t waited = 0;     ///< epochs since the best
    optimizers::PlateauState plateau;
    double rate = 0, kl_weight = 0;   ///< of the last step
    double gradient_norm = 0;         ///< of the last step that a line of metrics is due after; 0: none yet
    std::uint64_t skipped = 0;        ///< steps without an update, since their ELBO or gradient was not finite
    std::uint64_t skipped_in_row = 0; ///< of these, the last ones
    std::uint64_t collapse_told = 0;  ///< 1: it was warned of a posterior that has collapsed
    double seconds = 0;               ///< of training, over all resumes
    std::uint64_t metrics_bytes = 0;  ///< length of metrics.jsonl
    std::uint64_t virtual_ranks = 0;  ///< whose order of summation the arithmetic follows
    std::uint64_t order_batch = 0, order_pieces = 0; ///< batch and virtual ranks that the epoch under way began with
};

/// Series of a checkpoint: the figures of the training samples that data.transform standardises by, where it does.
constexpr const char *figures_mean_name = "standardise_mean", *figures_variance_name = "standardise_variance";

std::map<std::string, storage::StateValue> to_attributes(const State& state);

/// Throws InputError naming the attribute that a checkpoint lacks.
State from_attributes(const storage::CheckpointReader& reader);

} // namespace elbo::training
