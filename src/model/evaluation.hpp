// What a model's figures over a dataset come to, from those of its samples taken in the dataset's order.
#pragma once

#include "data/statistics.hpp"
#include "model/bound_sampler.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elbo::model {

/// A mean over samples, and its standard error: NaN of fewer than two.
struct Mean {
    double value = 0, error = 0;
};

Mean mean_of(const data::Statistics& samples, std::size_t column);

/// One latent dimension.
struct LatentDimension {
    double kl = 0;       ///< mean of KL(q(z_d | x) || p(z_d)), nats
    double variance = 0; ///< of the posterior mean over the data
    double spread = 0;   ///< variance of z ~ q(z | x) over the data; the prior's is 1
    /// As Burda, Grosse & Salakhutdinov (2016, section 5.2) have it.
    bool active() const { return variance > 0.01; }
};

class Evaluation {
public:
    /// Of a model with so many latent dimensions. levels: those of the sampler.
    Evaluation(std::size_t latent, std::span<const std::size_t> levels);

    /// Some samples: estimates [rows, columns] of the sampler, and its means and log variances [rows, latent].
    void add(Matrix<const double> estimates, Matrix<const float> mean, Matrix<const float> log_variance);

    std::uint64_t samples() const { return estimates_.rows(); }
    std::size_t draws() const { return levels_.back(); }
    std::span<const std::size_t> levels() const { return levels_; }

    Mean elbo() const;
    Mean reconstruction() const { return mean_of(estimates_, BoundSampler::reconstruction); }
    Mean kl() const { return mean_of(estimates_, BoundSampler::kl); }
    Mean bound(std::size_t level) const { return mean_of(estimates_, BoundSampler::first_bound + level); }
    /// Effective sample size that a share of the samples stays below, e.g. 0.5: the median.
    double effective_quantile(double share) const;
    std::vector<LatentDimension> dimensions() const;

    /// Samples for which some figure is infinite or not a number, and the first one's number.
    std::uint64_t not_finite() const { return not_finite_; }
    std::uint64_t first_not_finite() const { return first_not_finite_; }

private:
    std::vector<std::size_t> levels_;
    data::Statistics estimates_; ///< of the sampler's columns, and the ELBO behind them
    data::Statistics codes_;     ///< of the posterior's means
    data::Statistics kls_;       ///< of each dimension's KL
    data::Statistics variances_; ///< of the posterior's
    std::vector<float> effective_;
    std::uint64_t not_finite_ = 0, first_not_finite_ = 0;
};

} // namespace elbo::model
