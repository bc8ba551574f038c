// What `elbo evaluate` has found, as lines and as JSON.
#pragma once

#include "commands/asked.hpp"
#include "commands/feature_distances.hpp"
#include "commands/gap_figures.hpp"
#include "commands/reconstruction_figures.hpp"
#include "model/aggregate.hpp"
#include "model/evaluation.hpp"
#include "report/records.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace elbo::commands {

/// True for --method ais.
bool annealed(const EvaluateOptions& options);
/// Draws of the posterior or chains, and a chain's steps; where none are asked for, the usual ones.
std::size_t draws_of(const EvaluateOptions& options);
std::size_t steps_of(const EvaluateOptions& options);

/// Rank 0's figures of all samples.
struct EvaluationReport {
    const EvaluateOptions& options;
    const Asked& asked;
    const model::Evaluation& found;
    const GapFigures& gap;
    const ReconstructionFigures& reconstruction;
    const FeatureDistances* features; ///< nullptr: not asked for
    const model::KlSplit& split;
    std::size_t split_samples; ///< that the split is of

    /// Bounds and reconstructions, then how draws' weights and latents are used, and at last advice.
    std::vector<std::string> lines() const;
    report::Fields fields() const;

private:
    double best_bound() const { return found.bound(found.levels().size() - 1).value; }
    double gap_value() const { return best_bound() - found.elbo().value; }
    double bits_per_dimension() const;
    std::vector<std::string> bound_lines() const;
    std::vector<std::string> latent_lines() const;
    std::vector<std::string> advice() const;
};

} // namespace elbo::commands
