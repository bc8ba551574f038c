// Posteriors of single samples, where the best one is known.
#include "model/linear_gaussian.hpp"
#include "model/refinement.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace elbo::model {
namespace {

struct Refined {
    LinearGaussian model;
    PosteriorRefinement refinement{4, 1};
    std::vector<float> mean = std::vector<float>(4), log_variance = std::vector<float>(4);
    CodeLikelihood likelihood = [this](Matrix<const float> z, std::span<double> value, Matrix<float> gradient) {
        model.bench.vae.likelihood_gradient(model.bench.values, z, {model.x.data(), 4, 2}, {}, value, gradient);
    };
    Matrix<float> means() { return {mean.data(), 4, 1}; }
    Matrix<float> log_variances() { return {log_variance.data(), 4, 1}; }

    Refined() { model.bench.vae.encode(model.bench.values, {model.x.data(), 4, 2}, means(), log_variances()); }
    std::vector<double> bound(std::size_t draws) {
        std::vector<double> out(4);
        refinement.bound(likelihood, model.samples, {4, Purpose::refinement_bound, 0}, draws, means(), log_variances(),
                         out);
        return out;
    }
};

/// The true posterior is of the family, so nothing is left of the gap.
TEST(PosteriorRefinement, FindsThePosteriorOfALinearGaussianModel) {
    Refined refined;
    const std::vector<double> before = refined.bound(2000);
    refined.refinement.refine(refined.likelihood, refined.model.samples, {4, Purpose::refinement, 0}, {600},
                              refined.means(), refined.log_variances());
    const std::vector<double> after = refined.bound(20000);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(refined.mean[i], refined.model.posterior_mean(i), 0.03) << "sample " << i;
        EXPECT_NEAR(refined.log_variance[i], std::log(LinearGaussian::posterior_variance), 0.1) << "sample " << i;
        EXPECT_LT(before[i], after[i] - 0.05);
        EXPECT_NEAR(after[i], refined.model.log_likelihood(i), 0.015);
    }
}

TEST(PosteriorRefinement, BoundsAreThoseOfTheEncodersPosterior) {
    Refined refined;
    const std::vector<double> found = refined.bound(20000), estimates = refined.model.estimate({1, 20000});
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_NEAR(found[i], estimates[i * 5 + BoundSampler::reconstruction] - estimates[i * 5 + BoundSampler::kl],
                    0.03);
}

TEST(PosteriorRefinement, BeginsAnewWithEachBatch) {
    Refined refined;
    const std::vector<float> mean = refined.mean, log_variance = refined.log_variance;
    const auto refine = [&] {
        refined.mean = mean;
        refined.log_variance = log_variance;
        refined.refinement.refine(refined.likelihood, refined.model.samples, {4, Purpose::refinement, 0}, {5},
                                  refined.means(), refined.log_variances());
        return refined.mean;
    };
    EXPECT_EQ(refine(), refine());
    EXPECT_NE(refined.mean, mean);
}

TEST(PosteriorRefinement, OfNoStepsChangesNothing) {
    Refined refined;
    const std::vector<float> mean = refined.mean, log_variance = refined.log_variance;
    refined.refinement.refine(refined.likelihood, refined.model.samples, {4, Purpose::refinement, 0}, {0},
                              refined.means(), refined.log_variances());
    EXPECT_EQ(refined.mean, mean);
    EXPECT_EQ(refined.log_variance, log_variance);
}

/// x = z + N(0, 1e-6), a posterior a thousandth as wide as the prior: how much is missing to log p(x) after 300 steps.
double shortfall_of_narrow_posterior(float start_mean, float start_log_variance, double reach) {
    constexpr double variance = 1e-6, x = 0.7;
    const CodeLikelihood likelihood = [](Matrix<const float> z, std::span<double> value, Matrix<float> gradient) {
        const double error = x - static_cast<double>(z(0, 0));
        value[0] = -0.5 * (error * error / variance + std::log(2 * std::numbers::pi * variance));
        if (gradient.columns() != 0) gradient(0, 0) = static_cast<float>(error / variance);
    };
    const std::uint64_t samples[] = {3};
    PosteriorRefinement refinement(1, 1);
    const Matrix<float> mean(&start_mean, 1, 1), log_variance(&start_log_variance, 1, 1);
    refinement.refine(likelihood, samples, {4, Purpose::refinement, 0}, {300, reach}, mean, log_variance);
    double bound = 0;
    refinement.bound(likelihood, samples, {4, Purpose::refinement_bound, 0}, 10000, mean, log_variance, {&bound, 1});
    const double total = 1 + variance;
    return -0.5 * (x * x / total + std::log(2 * std::numbers::pi * total)) - bound;
}

TEST(PosteriorRefinement, FindsNarrowPosteriorsAsWell) {
    // Two deviations beside the best, and beyond the log variances that heads give without bending.
    EXPECT_NEAR(shortfall_of_narrow_posterior(0.702f, -12.4f, 0), 0, 0.05);
    EXPECT_NEAR(shortfall_of_narrow_posterior(0.697f, -16, 0), 0, 0.05);
    EXPECT_NEAR(shortfall_of_narrow_posterior(0.702f, -10, 0), 0, 0.05);
    // From far away, looked for at the prior's scale first.
    EXPECT_NEAR(shortfall_of_narrow_posterior(-0.5f, -10, 1), 0, 0.5);
}

} // namespace
} // namespace elbo::model
