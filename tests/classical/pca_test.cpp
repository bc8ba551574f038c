// Eigenvectors and principal components against matrices whose own are known.
#include "classical/eigen.hpp"
#include "classical/pca.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace {

using namespace elbo;
using namespace elbo::classical;

const comm::Communicator alone;

/// Second differences of n points between walls: eigenvalues 2 - 2 cos(k pi / (n + 1)), vectors sin(i k pi / (n + 1)).
std::vector<double> string_of(std::size_t n) {
    std::vector<double> matrix(n * n);
    for (std::size_t i = 0; i < n; ++i) {
        matrix[i * n + i] = 2;
        if (i > 0) matrix[i * n + i - 1] = matrix[(i - 1) * n + i] = -1;
    }
    return matrix;
}

void expect_modes(std::size_t n, std::size_t count, double value_error, double vector_error) {
    const EigenPairs pairs = leading_eigenpairs(string_of(n), n, count);
    ASSERT_EQ(pairs.values.size(), count);
    const double angle = std::numbers::pi / static_cast<double>(n + 1);
    for (std::size_t k = 0; k < count; ++k) {
        const auto mode = static_cast<double>(n - k);
        EXPECT_NEAR(pairs.values[k], 2 - 2 * std::cos(mode * angle), value_error);
        double dot = 0;
        for (std::size_t i = 0; i < n; ++i)
            dot += pairs.vectors[k * n + i] * std::sin(static_cast<double>(i + 1) * mode * angle) *
                   std::sqrt(2 / static_cast<double>(n + 1));
        EXPECT_NEAR(std::abs(dot), 1, vector_error) << k;
    }
}

TEST(Eigen, ASmallMatrixIsSolvedAtOnce) { expect_modes(12, 12, 1e-12, 1e-12); }

// 200 eigenvalues crowd at 4, the worst case: after 300 iterations values are right to 1e-3 of the greatest.
TEST(Eigen, ALargeOneInSubspaces) { expect_modes(200, 3, 4e-3, 2e-2); }

TEST(Eigen, SpectraThatFallAreExact) {
    constexpr std::size_t n = 150;
    std::vector<double> diagonal(n * n);
    for (std::size_t i = 0; i < n; ++i) diagonal[i * n + i] = std::pow(0.8, static_cast<double>((i * 37) % n));
    const EigenPairs pairs = leading_eigenpairs(diagonal, n, 10);
    for (std::size_t k = 0; k < 10; ++k) {
        EXPECT_NEAR(pairs.values[k], std::pow(0.8, static_cast<double>(k)), 1e-9);
        for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(pairs.vectors[k * n + i], (i * 37) % n == k ? 1 : 0, 1e-7);
    }
}

// Points on an ellipse's axes and a constant feature: covariances by hand.
TEST(Pca, HasTheAxesOfAnEllipse) {
    // (3, 4) / 5 times +-10, (-4, 3) / 5 times +-5, about (100, -2, 7).
    const std::vector<float> x = {106, 6, 7, 94, -10, 7, 96, 1, 7, 104, -5, 7};
    const Covariance moments = covariance_of(alone, {x.data(), 4, 3});
    EXPECT_EQ(moments.mean, (std::vector<double>{100, -2, 7}));
    EXPECT_NEAR(moments.covariance[0], (2 * 36 + 2 * 16) / 4.0, 1e-12);
    EXPECT_NEAR(moments.covariance[1], (2 * 48 - 2 * 12) / 4.0, 1e-12);
    const Pca pca = principal_components(moments, 2);
    EXPECT_NEAR(pca.variances[0], 50, 1e-12);
    EXPECT_NEAR(pca.variances[1], 12.5, 1e-12);
    EXPECT_NEAR(pca.explained(), 1, 1e-12);
    const std::vector<double> axes = {0.6, 0.8, 0, 0.8, -0.6, 0};
    for (std::size_t i = 0; i < axes.size(); ++i) EXPECT_NEAR(pca.components[i], axes[i], 1e-12);
    std::vector<float> projected(8);
    pca.project({x.data(), 4, 3}, {projected.data(), 4, 2});
    const std::vector<float> expected = {10, 0, -10, 0, 0, -5, 0, 5};
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(projected[i], expected[i], 1e-5);
    EXPECT_EQ(principal_components(moments, 9).size(), 3U);
}

// Far from the origin, in several groups with a short last block.
TEST(Pca, AShiftChangesNoCovariance) {
    elbo::testing::Congruential random(5);
    constexpr std::size_t rows = 2500, width = 3;
    std::vector<float> x, far;
    for (std::size_t i = 0; i < rows * width; ++i) x.push_back(static_cast<float>(static_cast<int>(64 * random())));
    for (const float value : x) far.push_back(value + 100000);
    const Covariance near = covariance_of(alone, {x.data(), rows, width});
    const Covariance shifted = covariance_of(alone, {far.data(), rows, width});
    for (std::size_t i = 0; i < width * width; ++i) EXPECT_NEAR(shifted.covariance[i], near.covariance[i], 1e-9);
    double products = 0;
    for (std::size_t i = 0; i < rows; ++i) products += x[i * width] * x[i * width + 1];
    EXPECT_NEAR(near.covariance[1], products / rows - near.mean[0] * near.mean[1], 1e-9);
}

} // namespace
