// Importance-weighted bounds: against the closed form of linear Gaussian models, and the sums that they are made of.
#include "model/evaluation.hpp"
#include "model/importance.hpp"
#include "model/linear_gaussian.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace elbo::model {
namespace {

TEST(LogSum, IsThatOfItsTermsWhateverTheirSizeAndOrder) {
    LogSum sum;
    EXPECT_EQ(sum.value(), -std::numeric_limits<double>::infinity());
    for (const double term : {-1000.0, 700.0, 701.0, -std::numeric_limits<double>::infinity(), 699.0}) sum.add(term);
    EXPECT_NEAR(sum.value(), 701 + std::log(1 + std::exp(-1.0) + std::exp(-2.0)), 1e-12);
}

TEST(LogSum, KeepsWhatIsNotANumber) {
    LogSum sum;
    sum.add(1);
    sum.add(std::nan(""));
    sum.add(2);
    EXPECT_TRUE(std::isnan(sum.value()));
}

TEST(ImportanceLevels, AreTensAndTheNumberOfDraws) {
    EXPECT_EQ(importance_levels(1), (std::vector<std::size_t>{1}));
    EXPECT_EQ(importance_levels(10), (std::vector<std::size_t>{1, 10}));
    EXPECT_EQ(importance_levels(5000), (std::vector<std::size_t>{1, 10, 100, 1000, 5000}));
}

TEST(Importance, BoundsRiseToTheLogLikelihoodOfALinearGaussianModel) {
    LinearGaussian model;
    const std::vector<std::size_t> levels = {1, 10, 100, 20000};
    const std::vector<double> out = model.estimate(levels);
    for (std::size_t i = 0; i < 4; ++i) {
        const double* row = &out[i * 7];
        const double elbo = row[ImportanceSampler::reconstruction] - row[ImportanceSampler::kl];
        EXPECT_NEAR(row[ImportanceSampler::first_bound], elbo, 0.02) << "L_1 is the ELBO, by a draw";
        EXPECT_LT(elbo, row[4]);
        EXPECT_LT(row[4], row[5] + 0.005);
        EXPECT_LT(row[5], model.log_likelihood(i) + 0.005);
        EXPECT_NEAR(row[6], model.log_likelihood(i), 0.01) << "sample " << i;
        EXPECT_GT(row[ImportanceSampler::effective], 100);
        EXPECT_LT(row[ImportanceSampler::effective], 20000);
    }
}

TEST(Importance, IsExactWhereThePosteriorIs) {
    LinearGaussian model; // p(z | x): variance 1 / (1 + w.w / variance) = 1/5, mean w.(x - bias) / variance / 5
    model.set("encoder/mean/weight", {0.64f, -0.48f});
    model.set("encoder/mean/bias", {-0.64f * 0.3f + 0.48f * 0.1f});
    model.set("encoder/log_variance/bias", {static_cast<float>(std::log(0.2))});
    const std::vector<double> out = model.estimate({1, 50});
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(out[i * 5 + ImportanceSampler::first_bound], model.log_likelihood(i), 1e-5);
        EXPECT_NEAR(out[i * 5 + ImportanceSampler::first_bound + 1], model.log_likelihood(i), 1e-5);
        EXPECT_NEAR(out[i * 5 + ImportanceSampler::effective], 50, 1e-3);
    }
}

TEST(Importance, DrawsOfASampleDoNotDependOnItsBatch) {
    LinearGaussian model;
    const std::vector<double> together = model.estimate({1, 30});
    ImportanceSampler sampler(model.bench.vae, 4, {1, 30});
    std::vector<double> alone(5);
    const std::uint64_t number = 2;
    sampler.estimate(model.bench.values, {{&model.x[4], 1, 2}, {&number, 1}}, {5, Purpose::importance, 0},
                     {alone.data(), 1, 5});
    for (std::size_t c = 0; c < 5; ++c) EXPECT_NEAR(alone[c], together[2 * 5 + c], 1e-5);
}

TEST(Importance, DrawsThatFillNoGroupDoNotCountInALevel) {
    LinearGaussian model;
    const std::vector<double> even = model.estimate({1, 10, 20}), odd = model.estimate({1, 10, 27});
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_EQ(odd[i * 6 + ImportanceSampler::first_bound + 1], even[i * 6 + ImportanceSampler::first_bound + 1]);
}

TEST(Importance, EveryDrawCountsInTheLastLevel) {
    LinearGaussian model;
    const std::vector<double> through = model.estimate({1, 10, 27}), at_once = model.estimate({1, 27});
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(through[i * 6 + ImportanceSampler::first_bound + 2],
                    at_once[i * 5 + ImportanceSampler::first_bound + 1], 1e-12);
        EXPECT_NEAR(through[i * 6 + ImportanceSampler::effective], at_once[i * 5 + ImportanceSampler::effective],
                    1e-10);
    }
}

TEST(Importance, LevelsThatDoNotAscendOrDivideAreRefused) {
    LinearGaussian model;
    EXPECT_THROW(model.estimate({1, 10, 25, 50}), std::logic_error);
    EXPECT_THROW(model.estimate({10, 1}), std::logic_error);
    EXPECT_THROW(model.estimate({}), std::logic_error);
}

TEST(Evaluation, AddsUpSamplesInPieces) {
    Evaluation evaluation(2, std::vector<std::size_t>{1, 3});
    const std::vector<double> estimates = {-10, 2,   1.5,      -12, -11.5, /**/ -20, 4,  2.5,
                                           -24, -23, /**/ -30, 3,   2,     -33,      -32};
    const std::vector<float> mean = {1, 0, -1, 0, 0, 0}, log_variance = {0, 0, 0, 0, 0, 0};
    evaluation.add({estimates.data(), 2, 5}, {mean.data(), 2, 2}, {log_variance.data(), 2, 2});
    evaluation.add({&estimates[10], 1, 5}, {&mean[4], 1, 2}, {&log_variance[4], 1, 2});
    EXPECT_EQ(evaluation.samples(), 3);
    EXPECT_NEAR(evaluation.elbo().value, (-12 - 24 - 33) / 3.0, 1e-12);
    EXPECT_NEAR(evaluation.bound(1).value, (-11.5 - 23 - 32) / 3.0, 1e-12);
    EXPECT_NEAR(evaluation.kl().error, std::sqrt(1.0 / 3), 1e-12); // of 2, 4, 3: variance 2 / (3 - 1)
    EXPECT_EQ(evaluation.effective_quantile(0.5), 2);
    const auto dimensions = evaluation.dimensions();
    EXPECT_NEAR(dimensions[0].kl, 1.0 / 3, 1e-12);
    EXPECT_NEAR(dimensions[0].variance, 2.0 / 3, 1e-12);
    EXPECT_NEAR(dimensions[0].spread, 1 + 2.0 / 3, 1e-12);
    EXPECT_TRUE(dimensions[0].active());
    EXPECT_EQ(dimensions[1].kl, 0);
    EXPECT_FALSE(dimensions[1].active());
}

TEST(Evaluation, RemembersTheFirstSampleThatIsNotFinite) {
    Evaluation evaluation(1, std::vector<std::size_t>{1});
    const std::vector<double> estimates = {-1, 0, 1, -1, /**/ -1, 0, 1, std::nan(""), /**/ std::nan(""), 0, 1, -1};
    const std::vector<float> codes(3);
    evaluation.add({estimates.data(), 3, 4}, {codes.data(), 3, 1}, {codes.data(), 3, 1});
    EXPECT_EQ(evaluation.not_finite(), 2);
    EXPECT_EQ(evaluation.first_not_finite(), 1);
}

} // namespace
} // namespace elbo::model
