// Chains between an encoder's posterior and the model's own, and the weights that they gather on the way.
#include "model/annealed.hpp"
#include "model/linear_gaussian.hpp"

#include <gtest/gtest.h>

namespace elbo::model {
namespace {

TEST(AnnealingSchedule, RisesFromNothingToAllSlowlyAtTheEnds) {
    EXPECT_EQ(annealing_schedule(1), (std::vector<double>{0, 1}));
    const std::vector<double> schedule = annealing_schedule(10);
    EXPECT_EQ(schedule.size(), 11u);
    EXPECT_EQ(schedule.front(), 0);
    EXPECT_EQ(schedule.back(), 1);
    EXPECT_TRUE(std::ranges::is_sorted(schedule));
    EXPECT_NEAR(schedule[5], 0.5, 1e-12);
    EXPECT_LT(schedule[1], 0.03);
}

TEST(Annealed, WeightsOfOneStepAreImportanceWeights) {
    LinearGaussian model;
    AnnealedSampler sampler(model.bench.vae, 4, {1, 20}, 1);
    EXPECT_EQ(model.estimate(sampler), model.estimate({1, 20}));
}

/// Column of the bound of all draws, of each sample.
std::vector<double> bounds(LinearGaussian& model, std::size_t draws, std::size_t steps) {
    AnnealedSampler sampler(model.bench.vae, 4, {draws}, steps);
    const std::vector<double> out = model.estimate(sampler);
    std::vector<double> found;
    for (std::size_t i = 0; i < 4; ++i) found.push_back(out[i * sampler.columns() + BoundSampler::first_bound]);
    return found;
}

/// The mean of the log of one weight rises with the number of steps, and the log of the mean weight is right for any.
TEST(Annealed, BoundsRiseToTheLogLikelihoodOfALinearGaussianModel) {
    LinearGaussian model;
    const auto mean_of_one = [&](std::size_t steps) {
        AnnealedSampler sampler(model.bench.vae, 4, {1, 300}, steps);
        const std::vector<double> out = model.estimate(sampler);
        double sum = 0;
        for (std::size_t i = 0; i < 4; ++i) sum += out[i * 5 + BoundSampler::first_bound] - model.log_likelihood(i);
        return sum / 4;
    };
    const double one = mean_of_one(1), few = mean_of_one(5), many = mean_of_one(60);
    EXPECT_LT(one, few - 0.1);
    EXPECT_LT(few, many - 0.02);
    EXPECT_NEAR(many, 0, 0.02);
    const std::vector<double> all = bounds(model, 4000, 4);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(all[i], model.log_likelihood(i), 0.02) << "sample " << i;
}

/// In one dimension the longest step that is allowed is accepted more often.
TEST(Annealed, TheElboIsThatOfTheDrawsThatCount) {
    LinearGaussian model;
    AnnealedSampler sampler(model.bench.vae, 4, {3}, 6);
    const std::vector<double> annealed = model.estimate(sampler), drawn = model.estimate({3});
    for (std::size_t i = 0; i < 4; ++i) {
        const double* const row = &annealed[i * sampler.columns()];
        EXPECT_EQ(row[BoundSampler::reconstruction], drawn[i * sampler.columns() + BoundSampler::reconstruction]);
        EXPECT_EQ(row[BoundSampler::kl], drawn[i * sampler.columns() + BoundSampler::kl]);
    }
}

TEST(Annealed, AcceptsAboutAsOftenAsIsWanted) {
    LinearGaussian model;
    AnnealedSampler sampler(model.bench.vae, 4, {50}, 100);
    model.estimate(sampler);
    EXPECT_GT(sampler.acceptance(), PosteriorChains::wanted_acceptance - 0.1);
    EXPECT_LE(sampler.acceptance(), 1);
}

/// An encoder whose deviation is 17 times the posterior's: the first step would be refused by the model's density.
TEST(Annealed, StepsAdaptToWhatTheModelTakes) {
    LinearGaussian model;
    model.set("encoder/log_variance/bias", {4});
    AnnealedSampler sampler(model.bench.vae, 4, {20}, 200);
    model.estimate(sampler);
    EXPECT_GT(sampler.acceptance(), PosteriorChains::wanted_acceptance - 0.15);
    EXPECT_LT(sampler.acceptance(), PosteriorChains::wanted_acceptance + 0.15);
}

/// At b = 1 chains have the posterior's moments, at b = 0 the encoder's, whatever their steps.
class Chains : public testing::TestWithParam<float> {};

TEST_P(Chains, KeepTheirDistribution) {
    LinearGaussian model;
    const std::vector<float> mean = {0.5f, 0, -1, 2}, log_variance = {-0.8f, 0, -2, 0.5f};
    const Posteriors posteriors{{mean.data(), 4, 1}, {log_variance.data(), 4, 1}};
    const std::vector<float> step(4, GetParam());
    for (const double b : {0.0, 1.0}) {
        PosteriorChains chains(model.bench.vae, 4);
        chains.start(model.bench.values, model.batch(), posteriors, {mean.data(), 4, 1});
        constexpr std::uint32_t burn_in = 100, moves = 6000;
        std::vector<double> sums(4), squares(4);
        for (std::uint32_t move = 0; move < burn_in + moves; ++move) {
            chains.move(model.bench.values, b, {3, Purpose::chain_momentum, 0}, move, step);
            for (std::size_t i = 0; i < 4 && move >= burn_in; ++i) {
                sums[i] += chains.codes()(i, 0);
                squares[i] += std::pow(chains.codes()(i, 0), 2);
            }
        }
        for (std::size_t i = 0; i < 4; ++i) {
            const double found = sums[i] / moves;
            const double expected = b == 1 ? model.posterior_mean(i) : mean[i];
            const double variance = b == 1 ? LinearGaussian::posterior_variance : std::exp(log_variance[i]);
            EXPECT_NEAR(found, expected, 0.15 * std::sqrt(variance)) << "b " << b << ", sample " << i;
            EXPECT_NEAR((squares[i] / moves - found * found) / variance, 1, 0.15) << "b " << b << ", sample " << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Steps, Chains, testing::Values(0.07f, 0.25f, 0.5f));

/// Were a move's length and its acceptance drawn from one number, variances would be a tenth too large.
TEST(Annealed, ALengthSaysNothingOfItsAcceptance) {
    LinearGaussian model;
    const std::vector<float> mean(4), log_variance(4), step(4, 0.8f);
    PosteriorChains chains(model.bench.vae, 4);
    chains.start(model.bench.values, model.batch(), {{mean.data(), 4, 1}, {log_variance.data(), 4, 1}},
                 {mean.data(), 4, 1});
    constexpr std::uint32_t burn_in = 100, moves = 10000;
    double squares = 0;
    for (std::uint32_t move = 0; move < burn_in + moves; ++move) {
        chains.move(model.bench.values, 0, {3, Purpose::chain_momentum, 0}, move, step);
        for (std::size_t i = 0; i < 4 && move >= burn_in; ++i) squares += std::pow(chains.codes()(i, 0), 2);
    }
    EXPECT_NEAR(squares / (4 * moves), 1, 0.05);
}

TEST(Annealed, DrawsOfASampleDoNotDependOnItsBatch) {
    LinearGaussian model;
    AnnealedSampler sampler(model.bench.vae, 4, {1, 10}, 8);
    const std::vector<double> together = model.estimate(sampler);
    std::vector<double> alone(5);
    const std::uint64_t number = 2;
    sampler.estimate(model.bench.values, {{&model.x[4], 1, 2}, {&number, 1}}, {5, Purpose::importance, 0},
                     {alone.data(), 1, 5});
    for (std::size_t c = 0; c < 5; ++c) EXPECT_NEAR(alone[c], together[2 * 5 + c], 1e-4);
}

} // namespace
} // namespace elbo::model
