// What a forward pass tells before the backward pass begins, and the place that is named where numbers overflow.
#include "model/bench.hpp"

#include <limits>

namespace elbo::model {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Five samples, numbered from 5, through two hidden layers each way that let large numbers pass.
Bench deep(config::Settings likelihood = test::gaussian("learned"), const std::string& activation = "relu",
           Precision precision = Precision::fp32) {
    const std::vector<config::Settings> layers = {test::dense(7, activation), test::dense(6, activation)};
    return {settings(3, layers, layers, std::move(likelihood)), {2, 5}, 6, 5, precision};
}

const layers::Parameter& parameter(const Bench& bench, const std::string& path) {
    for (const layers::Parameter& p : bench.vae.parameters().all()) {
        if (p.path == path) return p;
    }
    throw std::out_of_range(path);
}

std::span<float> values(Bench& bench, const std::string& path) {
    return bench.part(bench.values, parameter(bench, path));
}

/// What is named from within forward_done; "" where the bound is finite. The pass goes on to its end.
std::string blamed(Bench& bench) {
    std::string named;
    const auto forward_done = [&](const Bound& bound) {
        if (!std::isfinite(bound.elbo())) named = bench.vae.first_not_finite(bench.read(), bench.batch());
    };
    bench.vae.gradient(
        bench.read(), bench.batch(), noise, 1, 0.2, bench.gradients, [](std::size_t) {}, forward_done);
    // What is left after evaluate(), where outputs are still themselves, names the same.
    const Bound bound = bench.vae.evaluate(bench.read(), bench.batch(), noise);
    EXPECT_EQ(!std::isfinite(bound.elbo()), !named.empty());
    EXPECT_EQ(bench.vae.first_not_finite(bench.read(), bench.batch()), named);
    return named;
}

TEST(ForwardDone, HearsTheBoundOnceAndBeforeAnyGradientIsFinal) {
    Bench bench = deep();
    std::vector<double> heard;
    std::size_t finals = 0;
    const auto final_from = [&](std::size_t from) {
        EXPECT_EQ(heard.size(), 1u);
        if (from != layers::nothing_more) ++finals;
    };
    const auto forward_done = [&](const Bound& bound) {
        EXPECT_EQ(finals, 0u);
        EXPECT_EQ(bound.samples, 5u);
        heard = {bound.elbo()};
    };
    const Bound bound =
        bench.vae.gradient(bench.read(), bench.batch(), noise, 1, 0.2, bench.gradients, final_from, forward_done);
    EXPECT_EQ(heard, std::vector<double>{bound.elbo()});
    EXPECT_EQ(finals, 6u); // five layers and the two heads, which are one
    const std::vector<float> told = bench.gradients;
    bench.vae.gradient(bench.read(), bench.batch(), noise, 1, 0.2, bench.gradients);
    EXPECT_EQ(bench.gradients, told);
}

TEST(ForwardDone, HearsAnEmptyBoundWhereThereAreNoRows) {
    Bench bench = deep();
    int heard = 0;
    const auto forward_done = [&](const Bound& bound) {
        EXPECT_EQ(bound.samples, 0u);
        EXPECT_EQ(bound.elbo(), 0);
        ++heard;
    };
    const auto final_from = [](std::size_t) { FAIL() << "nothing is computed"; };
    bench.vae.gradient(bench.read(), bench.rows(0, 0), noise, 1, 1, bench.gradients, final_from, forward_done);
    EXPECT_EQ(heard, 1);
    EXPECT_EQ(bench.gradients, std::vector<float>(bench.gradients.size(), 0.0f));
}

TEST(FirstNotFinite, IsNobodyWhereAllIsFinite) {
    Bench bench = deep();
    EXPECT_EQ(blamed(bench), "");
    EXPECT_EQ(bench.vae.first_not_finite_gradient(bench.gradients), "");
    EXPECT_EQ(bench.vae.first_not_finite(bench.read(), bench.rows(0, 0)), "");
}

TEST(FirstNotFinite, IsAParameterThatWasSoBefore) {
    const Bench paths = deep();
    for (const layers::Parameter& p : paths.vae.parameters().all()) {
        Bench bench = deep();
        values(bench, p.path).back() = not_a_number;
        bench.x[3] = not_a_number; // comes after
        EXPECT_EQ(blamed(bench), "the parameter " + p.path + " holds nan");
    }
    Bench bench = deep();
    values(bench, "decoder/dense2/bias")[0] = -infinity;
    values(bench, "decoder/output/bias")[0] = infinity;
    EXPECT_EQ(bench.vae.first_not_finite(bench.read(), {}), "the parameter decoder/dense2/bias holds -inf");
}

TEST(FirstNotFinite, IsARowOfX) {
    for (const Precision precision : precisions()) {
        SCOPED_TRACE(name_of(precision));
        Bench bench = deep(test::gaussian("learned"), "relu", precision);
        bench.x[3 * 10 + 9] = not_a_number;
        bench.x[4 * 10] = infinity;
        EXPECT_EQ(blamed(bench), "x is nan for sample 8");
        bench.x[3 * 10 + 9] = 0;
        EXPECT_EQ(blamed(bench), "x is inf for sample 9");
    }
}

struct Overflow {
    std::string layer;
    std::string activation = "relu";
};

/// A weight that is finite and too large for what comes in, for the third sample alone.
void make_overflow(Bench& bench, const std::string& layer) {
    std::ranges::fill(bench.values, 0.25f); // every hidden unit is on, for every sample
    std::ranges::fill(values(bench, "encoder/log_variance/weight"), 0.0f);
    std::ranges::fill(values(bench, "encoder/log_variance/bias"), -20.0f); // z is the mean
    values(bench, layer + "/weight")[0] = 1e37f;
    values(bench, layer + "/weight")[1] = 1e37f;
    // Numbers are near 1 in every layer, but above 70 for the third sample.
    for (std::size_t i = 0; i < bench.x.size(); ++i) bench.x[i] = i / 10 == 2 ? 40.0f : 0.0f;
}

class EveryLayer : public testing::TestWithParam<Overflow> {};

/// The layer itself is named, not those before or after, and the sample.
TEST_P(EveryLayer, IsNamedWhereItOverflows) {
    for (const Precision precision : precisions()) {
        SCOPED_TRACE(name_of(precision));
        Bench bench = deep(test::gaussian("learned"), GetParam().activation, precision);
        make_overflow(bench, GetParam().layer);
        EXPECT_EQ(blamed(bench), GetParam().layer + " gives inf for sample 7");
    }
}

INSTANTIATE_TEST_SUITE_P(Layers, EveryLayer,
                         testing::Values(Overflow{"encoder/dense1"}, Overflow{"encoder/dense2"},
                                         Overflow{"encoder/dense1", "gelu"}, Overflow{"encoder/mean"},
                                         Overflow{"decoder/dense1", "silu"}, Overflow{"decoder/dense2"},
                                         Overflow{"decoder/output"}),
                         [](const auto& row) {
                             std::string name = row.param.layer + "_" + row.param.activation;
                             std::ranges::replace(name, '/', '_');
                             return name;
                         });

/// An infinite raw log variance counts as a large one, and the bound stays finite; NaN cannot come from there first.
TEST(FirstNotFinite, MayBeTheLogVariance) {
    Bench bench = deep();
    make_overflow(bench, "encoder/log_variance");
    EXPECT_TRUE(std::isfinite(bench.vae.evaluate(bench.read(), bench.batch(), noise).elbo()));
    EXPECT_EQ(bench.vae.first_not_finite(bench.read(), bench.batch()), "encoder/log_variance gives inf for sample 7");
}

TEST(FirstNotFinite, IsTheOutputWhoseGradientStandsInItsPlace) {
    for (const Precision precision : precisions()) {
        SCOPED_TRACE(name_of(precision));
        Bench bench = deep(test::bernoulli(), "relu", precision);
        values(bench, "decoder/output/weight")[3] = 3e38f;
        std::ranges::fill(values(bench, "decoder/dense2/bias"), 100.0f);
        EXPECT_EQ(blamed(bench), "decoder/output gives inf for sample 5");
    }
}

TEST(FirstNotFinite, IsATermOfTheBoundWhoseSquareOverflows) {
    Bench kl = deep();
    std::ranges::fill(values(kl, "decoder/dense1/weight"), 0.0f);
    values(kl, "encoder/mean/bias")[1] = 1e25f;
    EXPECT_EQ(blamed(kl), "the KL divergence is inf for sample 5");
    Bench likelihood = deep();
    values(likelihood, "decoder/output/bias")[1] = 1e25f;
    EXPECT_EQ(blamed(likelihood), "the log-likelihood is -inf for sample 5");
}

/// Zeros go forward through the decoder's huge weights, and a gradient that they multiply up comes back.
TEST(FirstNotFiniteGradient, IsWhereTheBackwardPassOverflows) {
    Bench bench = deep(test::gaussian(1.0), "tanh");
    for (const char* path : {"decoder/dense1/weight", "decoder/dense1/bias", "decoder/dense2/bias"})
        std::ranges::fill(values(bench, path), 0.0f);
    for (const char* path : {"decoder/dense2/weight", "decoder/output/weight"})
        std::ranges::fill(values(bench, path), 1e25f);
    EXPECT_EQ(blamed(bench), "");
    bench.vae.gradient(bench.read(), bench.batch(), noise, 1, 1, bench.gradients);
    EXPECT_EQ(bench.vae.first_not_finite_gradient(bench.gradients), "decoder/dense1/bias");
    const layers::Parameter& bias = parameter(bench, "decoder/dense1/bias");
    const auto others = [&](std::size_t i) { return i >= bias.offset && i < bias.offset + bias.size; };
    EXPECT_EQ(bench.vae.first_not_finite_gradient(bench.gradients, others), "decoder/dense1/weight");
    EXPECT_EQ(bench.vae.first_not_finite_gradient(bench.gradients, [](std::size_t) { return true; }), "");
}

TEST(FirstNotFiniteGradient, GoesFromTheOutputToTheInput) {
    Bench bench = deep();
    blamed(bench);
    const std::span<const layers::Parameter> all = bench.vae.parameters().all();
    for (const layers::Parameter& p : all) {
        bench.gradients[p.offset + p.size - 1] = not_a_number;
        EXPECT_EQ(bench.vae.first_not_finite_gradient(bench.gradients), p.path);
    }
}

} // namespace
} // namespace elbo::model
