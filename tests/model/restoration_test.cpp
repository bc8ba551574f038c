// Codes of what is observed in part: against the closed form of linear Gaussian models.
#include "model/bench.hpp"
#include "model/restoration.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace elbo::model {
namespace {

constexpr double model_variance = 0.04;
const std::vector<float> weights = {1.5f, -0.5f, 0.8f, 0.2f}, biases = {0.1f, 0.2f, -0.3f, 0.4f};

/// p(z | observations y_j = a_j z + noise), and log p(y).
struct Exact {
    double precision = 1, mean = 0, log_evidence = 0;

    Exact(const std::vector<double>& a, const std::vector<double>& y, double variance) {
        double ay = 0, yy = 0;
        for (std::size_t j = 0; j < a.size(); ++j) {
            precision += a[j] * a[j] / variance;
            ay += a[j] * y[j] / variance;
            yy += y[j] * y[j] / variance;
        }
        mean = ay / precision;
        log_evidence = -0.5 * (yy - ay * ay / precision + std::log(precision) +
                               static_cast<double>(a.size()) * std::log(2 * std::numbers::pi * variance));
    }
};

/// x = weights z + biases + noise on images of 2 x 2, with an encoder that is far from right.
struct Linear {
    Bench bench{settings(1, {}, {}, test::gaussian(model_variance)), {2, 2}, 7, 3};
    std::vector<float> truth = {0.9f, -0.2f, 0.1f, 0.4f, -1.1f, 0.8f, 0.3f, 0.1f, 0.2f, 0.3f, 0.7f, 0.1f};
    std::vector<std::uint64_t> numbers = {4, 7, 8};

    Linear() {
        set("encoder/mean/weight", {0.1f, 0.1f, 0, 0});
        set("encoder/mean/bias", {0.5f});
        set("encoder/log_variance/weight", {0, 0, 0, 0});
        set("encoder/log_variance/bias", {-1});
        set("decoder/output/weight", weights);
        set("decoder/output/bias", biases);
    }

    void set(const std::string& path, const std::vector<float>& values) {
        for (const layers::Parameter& parameter : bench.vae.parameters().all())
            if (parameter.path == path)
                std::copy(values.begin(), values.end(),
                          bench.values.begin() + static_cast<std::ptrdiff_t>(parameter.offset));
    }

    Restored restore(const Observation& observation, std::size_t steps, std::size_t draws = 4) {
        return Restorer(bench.vae, {steps, draws, 3}).restore(bench.values, observation, {truth.data(), 3, 4}, numbers);
    }

    Observation first_two_pixels() const {
        ObservedElements observation{truth, {}};
        for (std::size_t i = 0; i < 3; ++i) observation.observed.insert(observation.observed.end(), {1, 1, 0, 0});
        return observation;
    }

    /// What they tell of a sample.
    Exact exact(std::size_t i) const {
        return {{weights[0], weights[1]},
                {truth[4 * i] - static_cast<double>(biases[0]), truth[4 * i + 1] - static_cast<double>(biases[1])},
                model_variance};
    }

    Observation mean_of_pixels(double variance) const {
        ObservedMeans observation{{2, 2}, 2, variance, 0, {}};
        for (std::size_t i = 0; i < 3; ++i) {
            const std::vector<float> mean = block_means({2, 2}, 2, std::span(truth).subspan(4 * i, 4));
            observation.y.insert(observation.y.end(), mean.begin(), mean.end());
        }
        return observation;
    }
};

/// From an element on: those before are observed, and certain.
void expect_exact(const Restored& restored, std::size_t i, const Exact& exact, std::size_t first) {
    // q could be exact, but its steps are by single draws: what KL(q || p) is left the weights mend.
    EXPECT_NEAR(restored.evidence[i], exact.log_evidence, 0.05);
    EXPECT_NEAR(restored.bound[i], exact.log_evidence, 0.2);
    EXPECT_LT(restored.start[i], exact.log_evidence - 1);
    EXPECT_GT(restored.effective[i], 150);
    const double deviation = 1 / std::sqrt(exact.precision);
    for (std::size_t d = first; d < 4; ++d) {
        // 256 draws: a standard error of deviation / 16.
        EXPECT_NEAR(restored.mean[4 * i + d], weights[d] * exact.mean + biases[d],
                    std::abs(weights[d]) * deviation / 4);
        EXPECT_NEAR(restored.spread[4 * i + d], std::abs(weights[d]) * deviation, std::abs(weights[d]) * deviation / 5);
    }
}

TEST(Restoration, FindsTheCodesOfObservedElements) {
    Linear model;
    const Restored restored = model.restore(model.first_two_pixels(), 1000);
    for (std::size_t at : {0, 1, 4, 5, 8, 9}) {
        EXPECT_EQ(restored.mean[at], model.truth[at]);
        EXPECT_EQ(restored.spread[at], 0);
    }
    for (std::size_t i = 0; i < 3; ++i) expect_exact(restored, i, model.exact(i), 2);
}

TEST(Restoration, FindsTheCodesOfObservedMeans) {
    Linear model;
    const Restored restored = model.restore(model.mean_of_pixels(0.01), 1000);
    for (std::size_t i = 0; i < 3; ++i) {
        double y = -0.1; // of the biases
        for (std::size_t d = 0; d < 4; ++d) y += model.truth[4 * i + d] / 4.0;
        expect_exact(restored, i, Exact({0.5}, {y}, 0.01), 0);
    }
}

TEST(Restoration, WeightsMendAPosteriorThatIsNotFitted) {
    Linear model;
    const Restored fitted = model.restore(model.first_two_pixels(), 1000);
    const Restored plain = model.restore(model.first_two_pixels(), 0);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_LT(plain.bound[i], fitted.bound[i] - 1);
        EXPECT_EQ(plain.start[i], fitted.start[i]);
        EXPECT_GT(plain.evidence[i], plain.bound[i]);
        EXPECT_LT(plain.effective[i], fitted.effective[i]);
    }
}

TEST(Restoration, DrawsAreOfTheObservedPosterior) {
    Linear model;
    const std::size_t draws = 64;
    const Restored restored = model.restore(model.first_two_pixels(), 1000, draws);
    ASSERT_EQ(restored.draws.size(), 3 * draws * 4);
    for (std::size_t i = 0; i < 3; ++i) {
        double sum = 0, squares = 0;
        for (std::size_t k = 0; k < draws; ++k) {
            const double value = restored.draws[(i * draws + k) * 4 + 2];
            sum += value;
            squares += value * value;
        }
        const double mean = sum / draws, deviation = std::sqrt(squares / draws - mean * mean);
        const Exact exact = model.exact(i);
        const double known = std::abs(weights[2]) / std::sqrt(exact.precision); // four standard errors each
        EXPECT_NEAR(mean, weights[2] * exact.mean + biases[2], 0.5 * known);
        EXPECT_NEAR(deviation, known, 0.35 * known);
    }
}

TEST(Restoration, ASampleIsItsOwnWhateverItsBatch) {
    Linear model;
    const Restored together = model.restore(model.first_two_pixels(), 20);
    const ObservedElements one{{model.truth.begin() + 4, model.truth.begin() + 8}, {1, 1, 0, 0}};
    const Restored alone = Restorer(model.bench.vae, {20, 4, 3})
                               .restore(model.bench.values, one, {&model.truth[4], 1, 4}, {&model.numbers[1], 1});
    for (std::size_t d = 0; d < 4; ++d) EXPECT_NEAR(alone.mean[d], together.mean[4 + d], 1e-4);
    for (std::size_t d = 0; d < 16; ++d) EXPECT_NEAR(alone.draws[d], together.draws[16 + d], 1e-4);
    EXPECT_NEAR(alone.evidence[0], together.evidence[1], 1e-3);
}

TEST(Observation, BlockMeansOfAnImage) {
    const std::vector<float> image = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60, 7, 70, 8, 80}; // 2 x 4 x 2
    EXPECT_EQ(block_means({2, 4, 2}, 2, image), (std::vector<float>{3.5f, 35, 5.5f, 55}));
    EXPECT_EQ(block_means({2, 4, 2}, 1, image), image);
    EXPECT_EQ(block_shape({2, 4, 2}, 2), (Shape{1, 2, 2}));
}

TEST(Observation, WhatIsObservedMovesTheImage) {
    Linear model;
    const auto conditioned = [&](const Observation& observation) {
        std::vector<float> image = {0.1f, 0.2f, 0.3f, 0.6f};
        condition(model.bench.vae, observation, 1, image);
        return image;
    };
    const std::vector<float> by_elements = conditioned(model.first_two_pixels());
    EXPECT_EQ(by_elements, (std::vector<float>{-1.1f, 0.8f, 0.3f, 0.6f}));
    const std::vector<float> y = {9, 0.7f}; // against a mean of 0.3
    const std::vector<float> wholly = conditioned(ObservedMeans{{2, 2}, 2, 0, 0.1, y});
    const std::vector<float> by_half = conditioned(ObservedMeans{{2, 2}, 2, 0.1, 0.1, y});
    for (std::size_t d = 0; d < 4; ++d) {
        const float before = std::vector<float>{0.1f, 0.2f, 0.3f, 0.6f}[d];
        EXPECT_NEAR(wholly[d], before + 0.4f, 1e-6);
        EXPECT_NEAR(by_half[d], before + 0.2f, 1e-6);
    }
    Bench binary(settings(1, {}, {}, test::bernoulli()), {2, 2}, 1, 1);
    std::vector<float> image = {0.1f, 0.2f, 0.3f, 0.6f};
    condition(binary.vae, ObservedMeans{{2, 2}, 1, 0, 0.1, {-2, 0.5f, 3, 1}}, 0, image);
    EXPECT_EQ(image, (std::vector<float>{0, 0.5f, 1, 1})) << "within the support";
}

TEST(Observation, GradientsAreThoseOfTheLogLikelihood) {
    Bench bench(settings(3, {}, {test::dense(5, "tanh")}, test::bernoulli()), {2, 4}, 4, 2);
    const std::size_t codes = 3, rows = 6;
    std::vector<float> z = test::random_values(rows * 3, 1, 9), diff_z(z.size());
    const std::vector<float> x = {1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0};
    std::vector<Observation> observations = {ObservedElements{x, {1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0}}};
    for (const std::size_t factor : {1, 2}) {
        ObservedMeans means{{2, 4}, factor, 0.04, 0.06, {}};
        for (const std::size_t row : {0, 1}) {
            const std::vector<float> some = block_means({2, 4}, factor, std::span(x).subspan(8 * row, 8));
            means.y.insert(means.y.end(), some.begin(), some.end());
        }
        observations.emplace_back(means);
    }
    for (const Observation& observation : observations) {
        std::vector<double> out(rows);
        const auto objective = [&] {
            std::vector<float> ignored(z.size());
            observed_gradient(bench.vae, bench.values, observation, codes, {z.data(), rows, 3}, out,
                              {ignored.data(), rows, 3});
            double sum = 0;
            for (const double value : out) sum += value;
            return sum;
        };
        observed_gradient(bench.vae, bench.values, observation, codes, {z.data(), rows, 3}, out,
                          {diff_z.data(), rows, 3});
        test::check_gradient(objective, {{"z", z, diff_z}});
    }
}

TEST(Systematic, TakesPlacesInProportion) {
    const std::vector<double> some = {0.5, 0, 0.25, 0.25}, last = {0, 1}, even = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    EXPECT_EQ(systematic(some, 4, 0.5), (std::vector<std::size_t>{0, 0, 2, 3}));
    EXPECT_EQ(systematic(some, 2, 0), (std::vector<std::size_t>{0, 2}));
    EXPECT_EQ(systematic(last, 3, 0), (std::vector<std::size_t>{1, 1, 1})) << "never a weight of 0";
    EXPECT_EQ(systematic(even, 1, 0.9999999), (std::vector<std::size_t>{2}));
}

} // namespace
} // namespace elbo::model
