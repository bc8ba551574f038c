// How much of the variational gap is the encoder's, sample by sample.
#pragma once

#include "data/loader.hpp"
#include "data/statistics.hpp"
#include "model/bound_sampler.hpp"
#include "model/evaluation.hpp"
#include "model/refinement.hpp"
#include "training/trained.hpp"

#include <optional>
#include <vector>

namespace elbo::commands {

class GapFigures {
public:
    static constexpr std::size_t steps = 300; ///< of a posterior's refinement
    static constexpr std::size_t draws = 32;  ///< for the bounds before and after it

    /// asked: else there are no columns.
    GapFigures(training::Trained& trained, std::size_t max_rows, bool asked);

    std::size_t columns() const { return refinement_ ? 1 : 0; }
    /// What refinement of the sampler's posteriors adds to each row's ELBO, in nats.
    std::vector<double> measure(const data::Rows& rows, const model::BoundSampler& sampler);
    /// [rows, columns()], on rank 0.
    void add(Matrix<const double> figures);
    /// ELBO of refined posteriors - ELBO.
    model::Mean amortisation() const;

private:
    training::Trained& trained_;
    std::optional<model::PosteriorRefinement> refinement_;
    data::Statistics gains_{1};
};

} // namespace elbo::commands
