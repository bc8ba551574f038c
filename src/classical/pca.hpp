// Principal components (Hotelling 1933): the directions of greatest variance, by the eigenvectors of the covariance.
#pragma once

#include "comm/communicator.hpp"
#include "numerics/view.hpp"

#include <cstddef>
#include <vector>

namespace elbo::classical {

/// Mean of each feature, and the covariance [features, features], divided by the number of rows.
struct Covariance {
    std::vector<double> mean, covariance;
};

/// In one pass over rows that ranks divide: products in float of what is left of the rows less the first one's values,
/// sums in double; the same bits on any number of ranks. Collective; every rank has all rows, and gets the result.
Covariance covariance_of(const comm::Communicator& world, Matrix<const float> x);

struct Pca {
    std::vector<double> mean;
    std::vector<double> variances;  ///< along each component, descending
    std::vector<double> components; ///< [variances, features], orthonormal
    double total_variance = 0;      ///< over all features

    std::size_t size() const { return variances.size(); }
    /// out = components (x - mean): [rows, size()].
    void project(Matrix<const float> x, Matrix<float> out) const;
    /// Share of the total variance that the components have.
    double explained() const;
};

/// The first `size` components, at most as many as there are features.
Pca principal_components(const Covariance& moments, std::size_t size);

} // namespace elbo::classical
