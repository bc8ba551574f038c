// Posteriors of single samples, where the best one is known.
#include "model/linear_gaussian.hpp"
#include "model/refinement.hpp"

#include <gtest/gtest.h>

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
    refined.refinement.refine(refined.likelihood, refined.model.samples, {4, Purpose::refinement, 0}, 600,
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
        refined.refinement.refine(refined.likelihood, refined.model.samples, {4, Purpose::refinement, 0}, 5,
                                  refined.means(), refined.log_variances());
        return refined.mean;
    };
    EXPECT_EQ(refine(), refine());
    EXPECT_NE(refined.mean, mean);
}

TEST(PosteriorRefinement, OfNoStepsChangesNothing) {
    Refined refined;
    const std::vector<float> mean = refined.mean, log_variance = refined.log_variance;
    refined.refinement.refine(refined.likelihood, refined.model.samples, {4, Purpose::refinement, 0}, 0,
                              refined.means(), refined.log_variances());
    EXPECT_EQ(refined.mean, mean);
    EXPECT_EQ(refined.log_variance, log_variance);
}

} // namespace
} // namespace elbo::model
