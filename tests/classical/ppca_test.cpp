// Probabilistic PCA: its closed form against EM, its density against the Gaussian's written out.
#include "classical/ppca.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>

namespace {

using namespace elbo;
using namespace elbo::classical;

const comm::Communicator alone;
constexpr std::size_t rows = 500, width = 5;

/// Two directions of variance in five dimensions, and noise.
std::vector<float> samples() {
    elbo::testing::Congruential random(11);
    std::vector<float> x;
    for (std::size_t i = 0; i < rows; ++i) {
        const double a = 4 * random(), b = 2 * random();
        for (const double value : {a, a + b, 3 - b, 0.5 * a - b, 7.0})
            x.push_back(static_cast<float>(value + random()));
    }
    return x;
}

/// W W^T + sigma^2 I
std::vector<double> covariance_by(const std::vector<double>& w, double variance) {
    std::vector<double> c(width * width);
    for (std::size_t i = 0; i < width; ++i)
        for (std::size_t j = 0; j < width; ++j)
            c[i * width + j] = w[2 * i] * w[2 * j] + w[2 * i + 1] * w[2 * j + 1] + (i == j ? variance : 0);
    return c;
}

/// a [n, m] b [m, k]
std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b, std::size_t n, std::size_t m,
                            std::size_t k) {
    std::vector<double> c(n * k);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t l = 0; l < m; ++l)
            for (std::size_t j = 0; j < k; ++j) c[i * k + j] += a[i * m + l] * b[l * k + j];
    return c;
}

std::vector<double> transposed(const std::vector<double>& a, std::size_t n, std::size_t m) {
    std::vector<double> t(a.size());
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < m; ++j) t[j * n + i] = a[i * m + j];
    return t;
}

std::vector<double> inverse(const std::vector<double>& m) { // 2 x 2
    const double d = m[0] * m[3] - m[1] * m[2];
    return {m[3] / d, -m[1] / d, -m[2] / d, m[0] / d};
}

// Tipping & Bishop 1999, section 3.3: M = W'W + s I; W <- S W (s I + M^-1 W' S W)^-1; s <- tr(S - S W M^-1 W'new) / d.
TEST(Ppca, IsWhereEmEnds) {
    const std::vector<float> x = samples();
    const Covariance moments = covariance_of(alone, {x.data(), rows, width});
    const std::vector<double>& s = moments.covariance;
    std::vector<double> w = {1, 0, 0.5, 0.3, 0, 1, 0.2, -0.4, 0.1, 0.1};
    double variance = 1;
    for (int iteration = 0; iteration < 3000; ++iteration) {
        std::vector<double> m = product(transposed(w, width, 2), w, 2, width, 2);
        m[0] += variance;
        m[3] += variance;
        const std::vector<double> sw = product(s, w, width, width, 2);
        const std::vector<double> m_inverse = inverse(m);
        std::vector<double> right = product(m_inverse, product(transposed(w, width, 2), sw, 2, width, 2), 2, 2, 2);
        right[0] += variance;
        right[3] += variance;
        const std::vector<double> next = product(sw, inverse(right), width, 2, 2);
        const std::vector<double> back =
            product(product(sw, m_inverse, width, 2, 2), transposed(next, width, 2), width, 2, width);
        variance = 0;
        for (std::size_t j = 0; j < width; ++j) variance += (s[j * width + j] - back[j * width + j]) / width;
        w = next;
    }
    const auto model = fit_ppca(moments, 2);
    ASSERT_TRUE(model);
    EXPECT_NEAR(model->variance, variance, 1e-9);
    const std::vector<double> found = covariance_by(model->weights(), model->variance);
    const std::vector<double> expected = covariance_by(w, variance);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-8);
}

TEST(Ppca, TheLikelihoodIsThatOfTheGaussian) {
    const std::vector<float> x = samples();
    const Covariance moments = covariance_of(alone, {x.data(), rows, width});
    const auto model = fit_ppca(moments, 2);
    ASSERT_TRUE(model);
    double sum = 0;
    for (std::size_t i = 0; i < rows; ++i) sum += model->log_density(std::span(x).subspan(i * width, width)) / rows;
    EXPECT_NEAR(model->mean_log_density(moments), sum, 2e-6); // covariances are of products in float
    // At the maximum tr(C^-1 S) is the dimension (their equation 4 with 7 and 8).
    double log_determinant = (width - 2) * std::log(model->variance);
    for (const double value : model->axes.variances) log_determinant += std::log(value);
    EXPECT_NEAR(sum, -0.5 * (width * std::log(2 * std::numbers::pi) + log_determinant + width), 2e-6);

    // One latent in two dimensions, C written out.
    const std::vector<float> flat = {0, 0, 4, 2, 2, 2, 2, 0};
    const auto small = fit_ppca(covariance_of(alone, {flat.data(), 4, 2}), 1);
    ASSERT_TRUE(small);
    // The covariance [[2, 1], [1, 1]] is C itself: one latent and the rest in the only other direction.
    const std::array<float, 2> point = {3, -1};
    const double quadratic = 1 * 1 * 1 - 2 * 1 * 1 * -2 + 2 * 4; // (1, -2) [[1, -1], [-1, 2]] (1, -2)^T
    EXPECT_NEAR(small->log_density(point), -0.5 * (2 * std::log(2 * std::numbers::pi) + quadratic), 1e-12);
}

TEST(Ppca, HasNoMaximumWithoutNoise) {
    const std::vector<float> line = {0, 0, 1, 2, 2, 4, 3, 6};
    const Covariance moments = covariance_of(alone, {line.data(), 4, 2});
    EXPECT_FALSE(fit_ppca(moments, 1));
    EXPECT_FALSE(fit_ppca(moments, 2));
}

} // namespace
