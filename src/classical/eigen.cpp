#include "classical/eigen.hpp"

#include "base/error.hpp"
#include "numerics/random.hpp"

#include <Eigen/Dense>

#include <algorithm>

namespace elbo::classical {
namespace {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double tolerance = 1e-9;
constexpr int most_iterations = 300;

/// Vectors to begin with that are orthogonal to none: normal numbers, always the same.
Rows first_vectors(Eigen::Index size, Eigen::Index count) {
    Rows vectors(size, count);
    std::vector<float> row(static_cast<std::size_t>(count));
    for (Eigen::Index i = 0; i < size; ++i) {
        fill_normal({0, Purpose::probe_start, 0}, static_cast<std::uint64_t>(i), 0, row);
        for (Eigen::Index j = 0; j < count; ++j) vectors(i, j) = row[static_cast<std::size_t>(j)];
    }
    return vectors;
}

Rows orthonormal(const Rows& vectors) {
    return Eigen::HouseholderQR<Rows>(vectors).householderQ() * Rows::Identity(vectors.rows(), vectors.cols());
}

EigenPairs told(const Eigen::VectorXd& ascending, const Rows& vectors, Eigen::Index count) {
    EigenPairs pairs;
    const Eigen::Index last = vectors.cols() - 1;
    for (Eigen::Index k = 0; k < count; ++k) {
        pairs.values.push_back(std::max(ascending(last - k), 0.0));
        Eigen::VectorXd vector = vectors.col(last - k);
        Eigen::Index largest = 0;
        vector.cwiseAbs().maxCoeff(&largest);
        if (vector(largest) < 0) vector = -vector;
        pairs.vectors.insert(pairs.vectors.end(), vector.begin(), vector.end());
    }
    return pairs;
}

} // namespace

EigenPairs leading_eigenpairs(std::span<const double> matrix, std::size_t size, std::size_t count) {
    if (matrix.size() != size * size || count > size)
        fail("{} eigenvalues of a matrix of {} elements, said to be {} x {}", count, matrix.size(), size, size);
    const auto n = static_cast<Eigen::Index>(size), wanted = static_cast<Eigen::Index>(count);
    const Eigen::Map<const Rows> a(matrix.data(), n, n);
    const Eigen::Index block = std::min(n, 2 * wanted + 16);
    Rows basis = block == n ? Rows::Identity(n, n) : orthonormal(first_vectors(n, block));
    for (int iteration = 0;; ++iteration) {
        const Rows image = a * basis;
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> ritz(basis.transpose() * image);
        const Rows vectors = basis * ritz.eigenvectors();
        const Rows residuals = image * ritz.eigenvectors() - vectors * ritz.eigenvalues().asDiagonal();
        const double worst = residuals.rightCols(wanted).colwise().norm().maxCoeff();
        if (block == n || worst <= tolerance * ritz.eigenvalues()(block - 1) || iteration == most_iterations)
            return told(ritz.eigenvalues(), vectors, wanted);
        basis = orthonormal(image);
    }
}

} // namespace elbo::classical
