// Linear regression with an L1 penalty (Tibshirani 1996, "Regression shrinkage and selection via the lasso").
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::classical {

/// What a regression of y on x needs to know of samples: means of products of centred features and of these with y.
struct Gram {
    std::vector<double> xx; ///< [features, features]
    std::vector<double> xy; ///< [features]
    double yy = 0;

    std::size_t features() const { return xy.size(); }
    /// The mean of (y - w x)^2.
    double squared_error(std::span<const double> weights) const;
};

/// The weights w that minimise the mean of (y - w x)^2 / 2 plus penalty |w|_1, by coordinate descent until no weight
/// moves by more than 1e-10 of what y's deviation is: as scikit-learn's Lasso. A feature that is constant gets 0.
std::vector<double> lasso(const Gram& gram, double penalty);

/// Of 31 penalties, from the least that makes all weights 0 down to a thousandth of it in equal ratios, the one whose
/// weights have the smallest squared error on other samples; the greater of equals.
double choose_penalty(const Gram& fit, const Gram& others);

} // namespace elbo::classical
