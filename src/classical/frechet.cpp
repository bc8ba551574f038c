#include "classical/frechet.hpp"

#include "base/error.hpp"

#include <Eigen/Dense>

namespace elbo::classical {
namespace {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const Rows> matrix_of(const Covariance& moments) {
    const auto size = static_cast<Eigen::Index>(moments.mean.size());
    return {moments.covariance.data(), size, size};
}

/// Rounding may leave eigenvalues a little below 0.
Eigen::VectorXd roots_of(const Eigen::VectorXd& values) { return values.cwiseMax(0).cwiseSqrt(); }

} // namespace

double frechet_distance(const Covariance& a, const Covariance& b) {
    if (a.mean.size() != b.mean.size())
        fail("Gaussians of {} and {} dimensions have no distance", a.mean.size(), b.mean.size());
    double distance = 0;
    for (std::size_t j = 0; j < a.mean.size(); ++j) distance += (a.mean[j] - b.mean[j]) * (a.mean[j] - b.mean[j]);
    const Eigen::SelfAdjointEigenSolver<Rows> own(matrix_of(a));
    const Rows root = own.eigenvectors() * roots_of(own.eigenvalues()).asDiagonal() * own.eigenvectors().transpose();
    const Eigen::SelfAdjointEigenSolver<Rows> both(root * matrix_of(b) * root, Eigen::EigenvaluesOnly);
    return distance + matrix_of(a).trace() + matrix_of(b).trace() - 2 * roots_of(both.eigenvalues()).sum();
}

} // namespace elbo::classical
