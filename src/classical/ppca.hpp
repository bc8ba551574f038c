// Probabilistic principal components: x ~ N(mean, W W^T + variance I), by maximum likelihood in closed form (Tipping &
// Bishop 1999, "Probabilistic principal component analysis").
#pragma once

#include "classical/pca.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace elbo::classical {

struct Ppca {
    Pca axes;            ///< of as many components as the model has latents
    double variance = 0; ///< of what the components leave over: sigma^2

    /// W: [features, latents], the one whose columns are the components, each by what its variance has above sigma^2.
    std::vector<double> weights() const;

    /// log N(x; mean, W W^T + sigma^2 I) in nats. x: [features].
    double log_density(std::span<const float> x) const;

    /// Its mean over samples of which mean and covariance are known.
    double mean_log_density(const Covariance& moments) const;
};

/// sigma^2 is the mean of the variances that the components leave over. Nothing where there are as many latents as
/// features, or nothing is left over: the likelihood has no maximum then.
std::optional<Ppca> fit_ppca(const Covariance& moments, std::size_t latents);

} // namespace elbo::classical
