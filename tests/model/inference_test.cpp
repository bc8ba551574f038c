// What is found out about codes, against the closed form of a linear Gaussian model.
#include "model/inference.hpp"
#include "model/linear_gaussian.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace elbo::model {
namespace {

struct Found {
    std::vector<float> mean, log_variance, z;
    std::vector<double> figure;
};

/// Of the linear model's four samples, or some of them.
Found infer(LinearGaussian& linear, std::string_view name, const InferenceOptions& options, std::size_t first = 0,
            std::size_t rows = 4) {
    Found found{std::vector<float>(rows), std::vector<float>(rows), std::vector<float>(rows * options.draws),
                std::vector<double>(rows, -1)};
    const auto kind = std::ranges::find(inference_kinds(), name, &InferenceKind::name);
    const Batch all = linear.batch();
    kind->make(linear.bench.vae, 4, options)
        ->infer(linear.bench.values, {all.x.some_rows(first, rows), all.samples.subspan(first, rows)},
                {{found.mean.data(), rows, 1},
                 {found.log_variance.data(), rows, 1},
                 {found.z.data(), rows, options.draws},
                 found.figure});
    return found;
}

struct Near {
    double value, tolerance;
};

void expect_moments(std::span<const float> draws, Near mean, Near variance) {
    const auto count = static_cast<double>(draws.size());
    double sum = 0, squares = 0;
    for (const float z : draws) sum += z;
    for (const float z : draws) squares += (z - sum / count) * (z - sum / count);
    EXPECT_NEAR(sum / count, mean.value, mean.tolerance);
    EXPECT_NEAR(squares / count, variance.value, variance.tolerance);
}

TEST(Inference, ByTheEncoderIsItsGaussian) {
    LinearGaussian linear;
    constexpr std::size_t draws = 4000;
    const Found found = infer(linear, "q", {draws, 1, 3});
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(found.mean[i], 0.5 * (linear.x[2 * i] - linear.x[2 * i + 1]), 1e-6);
        EXPECT_NEAR(found.log_variance[i], -0.8, 1e-6);
        const double variance = std::exp(-0.8); // within five standard errors
        expect_moments(std::span(found.z).subspan(i * draws, draws), {found.mean[i], 5 * std::sqrt(variance / draws)},
                       {variance, 5 * variance * std::sqrt(2.0 / draws)});
    }
}

/// The weights here are of an effective sample size above a third of the candidates, so that 20,000 of these give
/// moments to 0.02.
TEST(Inference, ByImportanceNearsTheExactPosterior) {
    LinearGaussian linear;
    constexpr std::size_t candidates = 20000, draws = 4000;
    const Found found = infer(linear, "importance", {draws, candidates, 3});
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_GT(found.figure[i], candidates / 4.0);
        EXPECT_LE(found.figure[i], candidates);
        EXPECT_NEAR(found.mean[i], linear.posterior_mean(i), 0.02);
        EXPECT_NEAR(std::exp(found.log_variance[i]), LinearGaussian::posterior_variance, 0.02);
        expect_moments(std::span(found.z).subspan(i * draws, draws), {linear.posterior_mean(i), 0.05},
                       {LinearGaussian::posterior_variance, 0.03});
    }
}

/// Moves of a chain in one dimension are nearly independent draws: moments of 6,000 to a few hundredths.
TEST(Inference, ByChainsNearsTheExactPosterior) {
    LinearGaussian linear;
    constexpr std::size_t moves = 6000, draws = 2000;
    const Found found = infer(linear, "hmc", {draws, moves, 3});
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_GT(found.figure[i], 0.3);
        EXPECT_LE(found.figure[i], 1);
        EXPECT_NEAR(found.mean[i], linear.posterior_mean(i), 0.03);
        EXPECT_NEAR(std::exp(found.log_variance[i]), LinearGaussian::posterior_variance, 0.03);
        expect_moments(std::span(found.z).subspan(i * draws, draws), {linear.posterior_mean(i), 0.05},
                       {LinearGaussian::posterior_variance, 0.03});
    }
}

TEST(Inference, ByChainsMovesAsOftenAsDrawsAreWanted) {
    LinearGaussian linear;
    Found found = infer(linear, "hmc", {30, 1, 3});
    std::ranges::sort(found.z);
    EXPECT_GT(std::unique(found.z.begin(), found.z.end()) - found.z.begin(), 60) << "of 120, some of which stayed";
}

/// Every draw is one of the candidates, which evaluating the bound draws too.
TEST(Inference, ResamplesItsCandidates) {
    LinearGaussian linear;
    const Found found = infer(linear, "importance", {50, 3, 3});
    for (std::size_t i = 0; i < 4; ++i) {
        std::vector<float> candidates, drawn(found.z.begin() + i * 50, found.z.begin() + (i + 1) * 50);
        const float mean = 0.5f * (linear.x[2 * i] - linear.x[2 * i + 1]);
        for (std::uint32_t k = 0; k < 3; ++k) {
            float normal = 0;
            fill_normal({3, Purpose::importance, 0}, linear.samples[i], k, {&normal, 1});
            candidates.push_back(mean + std::exp(-0.4f) * normal);
        }
        for (const float z : drawn)
            EXPECT_TRUE(std::ranges::any_of(candidates, [&](float other) { return std::abs(z - other) < 1e-5; })) << z;
        EXPECT_NE(*std::ranges::min_element(drawn), *std::ranges::max_element(drawn));
    }
}

TEST(Inference, OneCandidateIsAllThereIs) {
    LinearGaussian linear;
    const Found found = infer(linear, "importance", {2, 1, 3});
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(found.figure[i], 1);
        EXPECT_NEAR(found.mean[i], found.z[2 * i], 1e-6);
        EXPECT_EQ(found.z[2 * i], found.z[2 * i + 1]);
        EXPECT_LT(found.log_variance[i], -30);
    }
}

/// A sample's codes are those of its number, whatever batch it is in.
TEST(Inference, FollowsTheSample) {
    LinearGaussian linear;
    for (const InferenceKind& kind : inference_kinds()) {
        const Found all = infer(linear, kind.name, {3, 20, 3}), one = infer(linear, kind.name, {3, 20, 3}, 2, 1);
        // Products of other numbers of rows may differ in the last bit, which every move of a chain makes larger.
        const double tolerance = kind.name == "hmc" ? 1e-3 : 1e-5;
        for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(one.z[k], all.z[6 + k], tolerance) << kind.name;
        EXPECT_NEAR(one.mean[0], all.mean[2], tolerance) << kind.name;
        EXPECT_NEAR(one.figure[0], all.figure[2], tolerance) << kind.name;
    }
}

TEST(Inference, SaysSoWhereWeightsAreNoNumbers) {
    LinearGaussian linear;
    linear.x[1] = std::numeric_limits<float>::infinity();
    const Found found = infer(linear, "importance", {1, 5, 3});
    EXPECT_FALSE(std::isfinite(found.mean[0]));
    EXPECT_TRUE(std::isfinite(found.mean[1]));
}

} // namespace
} // namespace elbo::model
