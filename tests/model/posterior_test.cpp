// The posterior: hand-computed KL, the bound on the log variance, gradients by differences.
#include "model/posterior.hpp"
#include "support/gradient_check.hpp"
#include "support/rounded.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace elbo::model {
namespace {

TEST(BoundedLogVariance, IsTheIdentityWithinAndContinuousAtItsEnds) {
    for (const float raw : {-10.0f, -3.5f, 0.0f, 1e-20f, 10.0f}) EXPECT_EQ(bounded_log_variance(raw), raw);
    const float above = std::nextafter(10.0f, 11.0f);
    EXPECT_NEAR(bounded_log_variance(above), 10, 2e-6);
    EXPECT_NEAR(bounded_log_variance(-above), -10, 2e-6);
    // Its slope is continuous as well: 1 / (1 + |raw| - 10).
    EXPECT_NEAR((bounded_log_variance(10.01f) - 10) / 0.01, 1, 0.006);
    EXPECT_NEAR(bounded_log_variance(10 + 1.718281828f), 11, 2e-6);
    EXPECT_NEAR(bounded_log_variance(-10 - 1.718281828f), -11, 2e-6);
}

TEST(BoundedLogVariance, NeverOverflowsTheExponential) {
    for (const float raw : {100.0f, 1e30f, std::numeric_limits<float>::max()}) {
        EXPECT_TRUE(std::isfinite(std::exp(bounded_log_variance(raw))));
        EXPECT_GT(std::exp(bounded_log_variance(-raw)), 0.0f);
    }
    EXPECT_TRUE(std::isnan(bounded_log_variance(std::numeric_limits<float>::quiet_NaN())));
}

TEST(Posterior, SumsOfLatentsByHand) {
    // Two rows of two dimensions; a raw log variance beyond 10 is bounded.
    const float log4 = std::log(4.0f), e9 = std::exp(1.0f) + 9;
    const std::vector<float> heads = {1, -2, log4, 0, /**/ 3, 0.5f, 0, e9};
    std::vector<double> latents = {10, 0, 0, 0, 0, 0};
    add_latents({heads.data(), 2, 4}, latents);
    EXPECT_NEAR(latents[0], 10 + (4 - std::log(4.0)) / 2 + 4.5, 1e-6);
    EXPECT_NEAR(latents[1], 2 + (0.25 + std::exp(11.0) - 1 - 11) / 2, 0.1); // floats near e^11 are 0.004 apart
    EXPECT_EQ(std::vector<double>(latents.begin() + 2, latents.end()), (std::vector<double>{4, -1.5, 10, 4.25}));
    std::vector<double> codes(8);
    copy_codes({heads.data(), 2, 4}, codes);
    EXPECT_EQ(codes, (std::vector<double>{1, -2, log4, 0, 3, 0.5, 0, bounded_log_variance(e9)}));
}

TEST(Posterior, SampleAndKlByHand) {
    // Means 1 and -2, variances 4 and 1: KL = (1 + 4 - 1 - log 4) / 2 + (4 + 1 - 1 - 0) / 2.
    const float log4 = std::log(4.0f);
    const std::vector<float> heads = {1, -2, log4, 0, /**/ 0, 0, 0, 0}, noise = {0.5f, -1, 3, 4};
    std::vector<float> z(4);
    std::vector<double> kl(2);
    sample_posterior({heads.data(), 2, 4}, {noise.data(), 2, 2}, {z.data(), 2, 2}, kl);
    EXPECT_NEAR(kl[0], (4 - std::log(4.0)) / 2 + 2, 1e-6);
    EXPECT_EQ(kl[1], 0);
    EXPECT_NEAR(z[0], 1 + 2 * 0.5, 1e-6);
    EXPECT_NEAR(z[1], -2 - 1, 1e-6);
    EXPECT_EQ(z[2], 3);
    EXPECT_EQ(z[3], 4);
}

TEST(Posterior, KlEqualsItsFormulaInDouble) {
    constexpr std::size_t rows = 3, latent = 37;
    const std::vector<float> heads = test::random_values(rows * 2 * latent, 4, 1);
    const std::vector<float> noise = test::random_values(rows * latent, 2, 2);
    std::vector<float> z(rows * latent);
    std::vector<double> kl(rows);
    sample_posterior({heads.data(), rows, 2 * latent}, {noise.data(), rows, latent}, {z.data(), rows, latent}, kl);
    for (std::size_t i = 0; i < rows; ++i) {
        double expected = 0;
        for (std::size_t j = 0; j < latent; ++j) {
            const double mean = heads[i * 2 * latent + j], log_variance = heads[i * 2 * latent + latent + j];
            expected += 0.5 * (mean * mean + std::exp(log_variance) - 1 - log_variance);
        }
        EXPECT_NEAR(kl[i], expected, 1e-6 * expected);
    }
}

/// Both terms of the gradient, the log variance within and beyond its linear range.
void check(float bound, double step) {
    constexpr std::size_t rows = 4, latent = 19;
    constexpr float kl_scale = 0.7f;
    std::vector<float> heads = test::random_values(rows * 2 * latent, 1, 1);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < latent; ++j) heads[i * 2 * latent + latent + j] *= bound;
    }
    const std::vector<float> noise = test::random_values(rows * latent, 2, 2);
    const std::vector<float> weights = test::random_values(rows * latent, 1, 3);
    std::vector<float> z(rows * latent), gradient(heads.size());
    std::vector<double> kl(rows);
    const auto objective = [&] {
        sample_posterior({heads.data(), rows, 2 * latent}, {noise.data(), rows, latent}, {z.data(), rows, latent}, kl);
        double sum = test::weighted_sum(weights, z);
        for (const double k : kl) sum += kl_scale * k;
        return sum;
    };
    backpropagate_posterior({heads.data(), rows, 2 * latent}, {noise.data(), rows, latent},
                            {weights.data(), rows, latent}, kl_scale, {gradient.data(), rows, 2 * latent});
    test::check_gradient(objective, {{"heads", heads, gradient}}, {.step = step});

    std::vector<float> in_place = heads;
    backpropagate_posterior({in_place.data(), rows, 2 * latent}, {noise.data(), rows, latent},
                            {weights.data(), rows, latent}, kl_scale, {in_place.data(), rows, 2 * latent});
    EXPECT_EQ(in_place, gradient);
}

TEST(Posterior, GradientAgreesWithDifferences) { check(2, 1.0 / 64); }
TEST(Posterior, GradientBeyondTheLinearRangeAgreesWithDifferences) { check(14, 1.0 / 64); }

TEST(Posterior, GivesRoundedBitsWhereTheyAreStoredSo) {
    constexpr std::size_t rows = 3, latent = 21;
    const std::vector<float> heads = test::random_values(rows * 2 * latent, 12, 1);
    const std::vector<float> noise = test::random_values(rows * latent, 2, 2), by_z = test::random_values(63, 1, 3);
    std::vector<float> z(noise.size()), diff(heads.size());
    std::vector<BFloat16> rounded_z(z.size()), rounded_diff(diff.size());
    std::vector<double> kl(rows), same(rows);
    const Matrix<const float> h(heads.data(), rows, 2 * latent), n(noise.data(), rows, latent);
    sample_posterior(h, n, {z.data(), rows, latent}, kl);
    sample_posterior(h, n, {rounded_z.data(), rows, latent}, same);
    EXPECT_EQ(rounded_z, test::rounded(z));
    EXPECT_EQ(kl, same);
    backpropagate_posterior(h, n, {by_z.data(), rows, latent}, 0.7f, {diff.data(), rows, 2 * latent});
    backpropagate_posterior(h, n, {by_z.data(), rows, latent}, 0.7f, {rounded_diff.data(), rows, 2 * latent});
    EXPECT_EQ(rounded_diff, test::rounded(diff));
}

TEST(Posterior, FiniteHeadsGiveFiniteResults) {
    const std::vector<float> heads = {0, 1, 1e30f, -1e30f}, noise = {1, -1}, diff_z = {1, 1};
    std::vector<float> z(2), gradient(4);
    std::vector<double> kl(1);
    sample_posterior({heads.data(), 1, 4}, {noise.data(), 1, 2}, {z.data(), 1, 2}, kl);
    backpropagate_posterior({heads.data(), 1, 4}, {noise.data(), 1, 2}, {diff_z.data(), 1, 2}, 1,
                            {gradient.data(), 1, 4});
    EXPECT_TRUE(std::isfinite(kl[0]));
    for (const float value : z) EXPECT_TRUE(std::isfinite(value));
    for (const float value : gradient) EXPECT_TRUE(std::isfinite(value));
}

} // namespace
} // namespace elbo::model
