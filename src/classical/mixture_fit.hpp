// Gaussian mixtures fitted by expectation-maximisation (Dempster, Laird & Rubin 1977), from means that k-means++ picks
// (Arthur & Vassilvitskii 2007). The same bits wherever it runs: sums go over the points in their order.
#pragma once

#include "classical/gaussian_mixture.hpp"

#include <functional>

namespace elbo::classical {

struct MixtureOptions {
    std::size_t components = 10;
    /// Added to the variances of every covariance, so that none becomes singular: scikit-learn's reg_covar.
    double ridge = 1e-6;
    /// The fit ends where the mean log-likelihood of a point rises by less.
    double tolerance = 1e-4;
    std::size_t most_iterations = 200;
};

struct MixtureFit {
    GaussianMixture mixture;
    /// Mean log p of a point, nats: of the start, then after each iteration. Never falls. The last one is the
    /// mixture's.
    std::vector<double> log_likelihoods;
    bool converged = false;
};

/// Told after each iteration: how many there have been, and the mean log-likelihood.
using MixtureProgress = std::function<void(std::size_t iteration, double log_likelihood)>;

/// points: [rows, dimensions]. Throws InputError, which begins with "a mixture of 10 components", where there are no
/// components, fewer points than components, fewer different ones, or one that is not finite.
MixtureFit fit_mixture(Matrix<const float> points, const MixtureOptions& options, const Stream& noise,
                       const MixtureProgress& progress = {});

/// The same from a start of the caller's, which has options.components components.
MixtureFit fit_mixture_from(Matrix<const float> points, GaussianMixture start, const MixtureOptions& options,
                            const MixtureProgress& progress = {});

} // namespace elbo::classical
