// Optimisers against written-out references in double and figures of PyTorch, and the bits of slices.
#include "numerics/every_target.hpp"
#include "optimizers/optimizer.hpp"
#include "support/gradient_check.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace elbo::optimizers {
namespace {

config::Settings adam() { return {"adam", "", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}}}; }

config::Settings adamw() {
    return {"adamw", "", {{"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}, {"weight_decay", 0.01}}};
}

config::Settings sgd(double momentum, bool nesterov, double weight_decay) {
    return {"sgd", "", {{"momentum", momentum}, {"nesterov", nesterov}, {"weight_decay", weight_decay}}};
}

std::unique_ptr<Optimizer> make(const config::Settings& settings, std::size_t count) {
    return optimizer_kind(settings.kind).make(settings, count);
}

/// Three steps from {1, -2, 0.5, 0} with gradients {0.1 t, -1, +-10, 0.001} at a rate of 0.1.
std::vector<float> three_steps(const config::Settings& settings) {
    const auto optimizer = make(settings, 4);
    std::vector<float> values = {1, -2, 0.5f, 0};
    for (std::uint64_t t = 1; t <= 3; ++t) {
        const std::vector<float> gradients = {0.1f * static_cast<float>(t), -1, t % 2 == 1 ? 10.0f : -10.0f, 1e-3f};
        optimizer->update({0, 4, 0}, values, gradients, {0.1, t, 1});
    }
    return values;
}

void expect_near(const std::vector<float>& found, const std::vector<double>& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6) << i;
}

TEST(Optimizer, FollowsPyTorch) {
    // torch.optim of PyTorch 2.15 in float64.
    expect_near(three_steps(adam()), {0.7076817, -1.7, 0.37168382, -0.299997});
    expect_near(three_steps(adamw()), {0.70498111, -1.6943059, 0.37037996, -0.2996971});
    expect_near(three_steps(sgd(0.9, false, 0.01)), {0.89935279, -1.4282695, -1.3100036, -0.0005605201});
    expect_near(three_steps(sgd(0.9, true, 0)), {0.85441, -1.1951, -2.129, -0.0008049});
    expect_near(three_steps(sgd(0, false, 0)), {0.94, -1.7, -0.5, -0.0003});
}

/// Kingma & Ba 2015, algorithm 1, in double; gradients times `scale`, as clipping asks.
TEST(Optimizer, AdamFollowsItsAlgorithm) {
    constexpr std::size_t n = 37;
    constexpr double scale = 0.25, alpha = 0.003, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    const auto optimizer = make(adam(), n);
    std::vector<float> values = test::random_values(n, 1, 1);
    std::vector<double> theta(values.begin(), values.end()), m(n), v(n);
    for (std::uint64_t t = 1; t <= 200; ++t) {
        std::vector<float> gradients = test::random_values(n, 1, static_cast<unsigned>(t));
        for (std::size_t i = 0; i < n; ++i) gradients[i] *= std::pow(10.0f, static_cast<float>(i % 9) - 6.0f);
        gradients[7] = 0;
        optimizer->update({0, n, 0}, values, gradients, {alpha, t, static_cast<float>(scale)});
        for (std::size_t i = 0; i < n; ++i) {
            const double g = gradients[i] * scale;
            m[i] = beta1 * m[i] + (1 - beta1) * g;
            v[i] = beta2 * v[i] + (1 - beta2) * g * g;
            const double m_hat = m[i] / (1 - std::pow(beta1, t)), v_hat = v[i] / (1 - std::pow(beta2, t));
            theta[i] -= alpha * m_hat / (std::sqrt(v_hat) + epsilon);
        }
    }
    // 200 steps of at most 0.003, each rounded to float at values near 1. The mean is a sum of both signs, whose terms
    // are of the deviation's size.
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_NEAR(values[i], theta[i], 5e-6) << i;
        EXPECT_NEAR(optimizer->state(0)[i], m[i], 1e-6 * std::sqrt(v[i]));
        EXPECT_NEAR(optimizer->state(1)[i], v[i], 2e-5 * v[i]);
    }
    EXPECT_EQ(optimizer->state_names()[0], "mean");
    EXPECT_EQ(optimizer->state_names()[1], "variance");
}

class EveryOptimizer : public testing::TestWithParam<config::Settings> {};

/// The bf16 copy follows the values of the range and of no other, and changes nothing about them.
TEST_P(EveryOptimizer, WritesTheRoundedCopyAlong) {
    constexpr std::size_t n = 203;
    constexpr BFloat16 untouched{0x1234};
    on_every_target([&] {
        std::vector<float> values = test::random_values(n, 1, 1), alone = values;
        std::vector<BFloat16> rounded(n, untouched);
        const auto one = make(GetParam(), n), other = make(GetParam(), n);
        for (std::uint64_t t = 1; t <= 3; ++t) {
            const std::vector<float> g = test::random_values(n, 1, static_cast<unsigned>(10 + t));
            one->update({5, 190, 5}, values, g, {0.01, t, 0.5f}, rounded);
            other->update({5, 190, 5}, alone, g, {0.01, t, 0.5f});
        }
        EXPECT_EQ(values, alone);
        for (std::size_t i = 0; i < n; ++i)
            EXPECT_EQ(rounded[i], i >= 5 && i < 190 ? to_bfloat16(values[i]) : untouched) << i;
        EXPECT_THROW(one->update({0, n, 0}, values, alone, {0.01, 4, 1}, std::span(rounded).first(n - 1)),
                     std::logic_error);
    });
}

/// Any cut of the range, and any owner of a slice, gives every element the same bits.
TEST_P(EveryOptimizer, GivesTheSameBitsInAnyPieces) {
    constexpr std::size_t n = 1000;
    std::vector<float> whole = test::random_values(n, 1, 1), pieces = whole, slices = whole;
    const auto one = make(GetParam(), n), cut = make(GetParam(), n);
    const auto left = make(GetParam(), 333), right = make(GetParam(), n - 333);
    for (std::uint64_t t = 1; t <= 3; ++t) {
        const std::vector<float> g = test::random_values(n, 1, static_cast<unsigned>(10 + t));
        const Update update{0.01, t, 0.5f};
        one->update({0, n, 0}, whole, g, update);
        std::size_t begin = 0;
        for (const std::size_t end : {1u, 18u, 18u, 50u, 333u, 997u, 1000u}) {
            cut->update({begin, end, begin}, pieces, g, update);
            begin = end;
        }
        right->update({700, n, 367}, slices, g, update);
        left->update({0, 333, 0}, slices, g, update);
        right->update({333, 700, 0}, slices, g, update);
    }
    EXPECT_EQ(whole, pieces);
    EXPECT_EQ(whole, slices);
    EXPECT_NE(whole, test::random_values(n, 1, 1));
    for (std::size_t s = 0; s < one->state_names().size(); ++s) {
        EXPECT_TRUE(std::ranges::equal(one->state(s).subspan(333), right->state(s)));
    }
}

TEST_P(EveryOptimizer, LeavesGapsZeroAndOthersAlone) {
    const auto optimizer = make(GetParam(), 4);
    std::vector<float> values = {5, 5, 0, 0, 0, 0, 5}, gradients(7, 0.0f);
    gradients[6] = 1;
    optimizer->update({2, 6, 0}, values, gradients, {0.1, 1, 1});
    EXPECT_EQ(values, (std::vector<float>{5, 5, 0, 0, 0, 0, 5}));
}

TEST_P(EveryOptimizer, RefusesARangeThatIsNotItsOwn) {
    const auto optimizer = make(GetParam(), 4);
    std::vector<float> values(10), gradients(10);
    EXPECT_THROW(optimizer->update({1, 4, 2}, values, gradients, {0.1, 1, 1}), std::logic_error);
    EXPECT_THROW(optimizer->update({2, 7, 0}, values, gradients, {0.1, 1, 1}), std::logic_error);
}

TEST_P(EveryOptimizer, HasAsManyStatesAsItsRowSays) {
    EXPECT_EQ(make(GetParam(), 3)->state_names().size(), optimizer_kind(GetParam().kind).states);
}

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// More than four vectors of the longest kind and a tail: every place of a vector, in the body and in the tail.
TEST_P(EveryOptimizer, NoticesOneGradientThatIsNotFinite) {
    constexpr std::size_t n = 71;
    const std::vector<float> clean = test::random_values(n, 1, 3);
    const Update update{0.01, 1, 1};
    on_every_target([&] {
        for (const float bad : {not_a_number, infinity, -infinity}) {
            for (std::size_t place = 0; place < n; ++place) {
                std::vector<float> values = test::random_values(n, 1, 1), gradients = clean;
                gradients[place] = bad;
                const auto optimizer = make(GetParam(), n);
                EXPECT_TRUE(optimizer->update({0, place, 0}, values, gradients, update)) << place;
                EXPECT_TRUE(optimizer->update({place + 1, n, place + 1}, values, gradients, update)) << place;
                EXPECT_FALSE(make(GetParam(), n)->update({0, n, 0}, values, gradients, update))
                    << bad << " at " << place;
            }
        }
    });
}

TEST_P(EveryOptimizer, NoticesAStateOrAValueThatIsNotFinite) {
    constexpr std::size_t n = 37;
    const std::vector<float> gradients = test::random_values(n, 1, 3);
    on_every_target([&] {
        for (const std::size_t place : {0u, 15u, 36u}) {
            std::vector<float> values = test::random_values(n, 1, 1);
            const auto optimizer = make(GetParam(), n);
            values[place] = infinity;
            EXPECT_FALSE(optimizer->update({0, n, 0}, values, gradients, {0.01, 1, 1}));
            if (GetParam().kind == "sgd" && GetParam().number("momentum") == 0) continue; // has no use for its state
            for (std::size_t state = 0; state < optimizer->state_names().size(); ++state) {
                const auto other = make(GetParam(), n);
                values = test::random_values(n, 1, 1);
                other->state(state)[place] = infinity;
                // Not even where no value moves.
                EXPECT_FALSE(other->update({0, n, 0}, values, gradients, {0, 1, 1})) << other->state_names()[state];
            }
        }
    });
}

/// Large numbers whose sum would overflow, and none at all.
TEST_P(EveryOptimizer, TakesAllThatIsFinite) {
    constexpr std::size_t n = 67;
    on_every_target([&] {
        const auto optimizer = make(GetParam(), n);
        std::vector<float> values(n, 3e38f), gradients(n, 1e18f);
        values[3] = -3e38f;
        gradients[5] = 0;
        for (std::uint64_t t = 1; t <= 3; ++t) {
            EXPECT_TRUE(optimizer->update({0, n, 0}, values, gradients, {0.01, t, 1}));
        }
        EXPECT_TRUE(optimizer->update({4, 4, 4}, values, gradients, {0.01, 4, 1}));
    });
}

TEST(Optimizer, AdamNoticesASquareThatOverflows) {
    on_every_target([&] {
        for (const std::size_t place : {0u, 13u, 40u}) {
            const auto optimizer = make(adam(), 41);
            std::vector<float> values(41, 1.0f), gradients(41, 1e-3f);
            gradients[place] = 1e25f;
            EXPECT_FALSE(optimizer->update({0, 41, 0}, values, gradients, {0.01, 1, 1}));
            EXPECT_TRUE(std::isinf(optimizer->state(1)[place]));
            EXPECT_TRUE(std::isfinite(optimizer->state(0)[place]));
        }
    });
}

INSTANTIATE_TEST_SUITE_P(Table, EveryOptimizer,
                         testing::Values(adam(), adamw(), sgd(0.9, false, 0.01), sgd(0.9, true, 0), sgd(0, false, 0)),
                         [](const auto& row) { return row.param.kind + std::to_string(row.index); });

TEST(Optimizer, TableKnowsItsRows) {
    EXPECT_EQ(optimizer_kinds().size(), 3u);
    EXPECT_THROW(optimizer_kind("adagrad"), std::logic_error);
}

} // namespace
} // namespace elbo::optimizers
