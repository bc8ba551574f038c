// The whole model: figures from PyTorch, gradients by differences, what is written where, and what depends on what.
#include "base/error.hpp"
#include "model/bench.hpp"

#include <gtest/gtest.h>

#include <map>

namespace elbo::model {
namespace {

Bench small(std::size_t rows = 5, Precision precision = Precision::fp32) {
    const auto model = settings(3, {test::dense(7, "tanh")}, {test::dense(6, "softplus")}, test::bernoulli());
    return {model, {2, 5}, 6, rows, precision};
}

struct Figures {
    std::string name;
    config::Settings likelihood;
    double beta, reconstruction, kl;
    std::map<std::string, std::vector<float>> gradients;
};

/// By PyTorch 2.15 in float64 (Normal.log_prob, kl_divergence, binary_cross_entropy_with_logits): two rows of three
/// pixels, layers of two units with tanh, two latent dimensions. The i-th parameter of all in the order below is
/// ((7 i + 3) mod 16 - 8) / 16; the noise is that of samples 3 and 11; the scale is 1/2.
const Figures figures[] = {
    {"bernoulli",
     test::bernoulli(),
     0.5,
     -4.68099539,
     0.251761382,
     {
         {"encoder/dense1/weight",
          {0.0031914794f, -0.00072054157f, 0.00030931316f, -0.030336152f, -0.0095209511f, -0.068419957f}},
         {"encoder/dense1/bias", {0.00030931316f, -0.068419957f}},
         {"encoder/mean/weight", {0.017195422f, 0.028739163f, -0.026791683f, -0.039366754f}},
         {"encoder/log_variance/weight", {0.025310557f, 0.03233642f, 0.0068125392f, 0.008156878f}},
         {"encoder/mean/bias", {-0.10150323f, 0.13467594f}},
         {"encoder/log_variance/bias", {-0.10617318f, -0.026205573f}},
         {"decoder/dense1/weight", {0.023413393f, 0.024381076f, -0.065103652f, 0.13898566f}},
         {"decoder/dense1/bias", {0.085433877f, -0.054032788f}},
         {"decoder/output/weight", {0.084360604f, 0.11233065f, 0.05331565f, -0.16632834f, -0.12762058f, 0.25073675f}},
         {"decoder/output/bias", {-0.026063749f, 0.36649273f, -0.63940673f}},
     }},
    {"gaussian",
     test::gaussian(0.5),
     1,
     -9.4977551,
     0.251761382,
     {
         {"encoder/dense1/weight",
          {0.012184275f, 7.5898522e-05f, 0.012487869f, -0.075300544f, -0.02143834f, -0.1610539f}},
         {"encoder/dense1/bias", {0.012487869f, -0.1610539f}},
         {"encoder/mean/weight", {0.014640171f, 0.034056697f, -0.05751942f, -0.082670563f}},
         {"encoder/log_variance/weight", {0.047754228f, 0.060073195f, 0.011900835f, 0.014935502f}},
         {"encoder/mean/bias", {-0.12801479f, 0.28112742f}},
         {"encoder/log_variance/bias", {-0.19625566f, -0.048755562f}},
         {"decoder/dense1/weight", {0.09998571f, 0.24495592f, -0.16038546f, 0.1378519f}},
         {"decoder/dense1/bias", {0.4898405f, -0.3146541f}},
         {"decoder/output/weight", {-0.090636705f, 0.64598362f, -0.085088136f, 0.10014391f, -0.62486337f, 1.2369509f}},
         {"decoder/output/bias", {-1.2091748f, -0.31814502f, -3.1456741f}},
     }},
};

const char* const order[] = {"encoder/dense1/weight",       "encoder/dense1/bias", "encoder/mean/weight",
                             "encoder/log_variance/weight", "encoder/mean/bias",   "encoder/log_variance/bias",
                             "decoder/dense1/weight",       "decoder/dense1/bias", "decoder/output/weight",
                             "decoder/output/bias"};

class VaeFigures : public testing::TestWithParam<Figures> {};

TEST_P(VaeFigures, EqualThoseOfPyTorch) {
    const Figures& figure = GetParam();
    Bench bench(settings(2, {test::dense(2, "tanh")}, {test::dense(2, "tanh")}, figure.likelihood), {3}, 4, 2);
    bench.x = {1, 0, 1, 0, 0.25f, 1};
    bench.samples = {3, 11};
    const auto all = bench.vae.parameters().all();
    ASSERT_EQ(all.size(), std::size(order));
    std::size_t i = 0;
    for (const layers::Parameter& p : all) {
        EXPECT_EQ(p.path, order[&p - all.data()]);
        for (float& v : bench.part(bench.values, p)) v = (static_cast<float>((i++ * 7 + 3) % 16) - 8) / 16;
    }
    const Bound bound = bench.vae.gradient(bench.values, bench.batch(), noise, figure.beta, 0.5, bench.gradients);
    EXPECT_NEAR(bound.reconstruction, figure.reconstruction, 5e-6);
    EXPECT_NEAR(bound.kl, figure.kl, 1e-6);
    EXPECT_EQ(bound.samples, 2u);
    for (const layers::Parameter& p : all) {
        const std::vector<float>& expected = figure.gradients.at(p.path);
        for (std::size_t k = 0; k < p.size; ++k) {
            EXPECT_NEAR(bench.part(bench.gradients, p)[k], expected[k], 1e-6) << p.path << " [" << k << "]";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Likelihoods, VaeFigures, testing::ValuesIn(figures),
                         [](const auto& row) { return row.param.name; });

struct Shapes {
    std::string name;
    config::Model model;
};

class VaeGradient : public testing::TestWithParam<Shapes> {};

/// Each parameter by differences, with a KL weight and a scale that are not 1.
TEST_P(VaeGradient, AgreesWithDifferences) {
    Bench bench(GetParam().model, {3, 4, 1}, 7, 5);
    constexpr double beta = 2.5, scale = 0.125;
    const auto objective = [&] {
        const Bound bound = bench.vae.evaluate(bench.values, bench.batch(), noise);
        return scale * (beta * bound.kl - bound.reconstruction);
    };
    bench.vae.gradient(bench.values, bench.batch(), noise, beta, scale, bench.gradients);
    std::vector<test::Variable> variables;
    for (const layers::Parameter& p : bench.vae.parameters().all()) {
        variables.push_back({p.path, bench.part(bench.values, p), bench.part(bench.gradients, p)});
    }
    // A step along all of a matrix's entries moves a unit by some of them together: half the usual step.
    test::check_gradient(objective, variables, {.step = 1.0 / 128});
}

/// The gradient of a bf16 model against differences of the fp32 one, whose parameters are what bf16 holds. A stored
/// activation and a stored gradient are each off by 2^-9 of themselves at most, half of it on average, through six
/// layers both ways: a few hundredths of the gradient's length at the worst.
TEST_P(VaeGradient, InBf16IsNearTheDifferences) {
    if (!matmul_supports(Precision::bf16)) GTEST_SKIP() << "no bf16 products on " << matmul_instruction_set();
    Bench bench(GetParam().model, {3, 4, 1}, 7, 5), stored(GetParam().model, {3, 4, 1}, 7, 5, Precision::bf16);
    for (std::vector<float>* numbers : {&bench.values, &bench.x})
        for (float& x : *numbers) x = to_float(to_bfloat16(x));
    stored.values = bench.values;
    stored.x = bench.x;
    constexpr double beta = 2.5, scale = 0.125;
    const auto objective = [&] {
        const Bound bound = bench.vae.evaluate(bench.values, bench.batch(), noise);
        return scale * (beta * bound.kl - bound.reconstruction);
    };
    const Bound bound = stored.vae.gradient(stored.read(), stored.batch(), noise, beta, scale, stored.gradients);
    EXPECT_NEAR(scale * (beta * bound.kl - bound.reconstruction), objective(), 0.01 * std::abs(objective()));
    std::vector<test::Variable> variables;
    for (const layers::Parameter& p : bench.vae.parameters().all())
        variables.push_back({p.path, bench.part(bench.values, p), stored.part(stored.gradients, p)});
    test::check_gradient(objective, variables, {.step = 1.0 / 128, .tolerance = 0.03});
    bench.vae.gradient(bench.values, bench.batch(), noise, beta, scale, bench.gradients);
    EXPECT_NE(stored.gradients, bench.gradients) << "this was fp32";
}

using test::dense;
INSTANTIATE_TEST_SUITE_P(
    Shapes, VaeGradient,
    testing::Values(
        Shapes{"bernoulli", settings(3, {dense(9, "tanh"), dense(7, "silu")}, {dense(8, "gelu"), dense(5, "sigmoid")},
                                     test::bernoulli())},
        Shapes{"gaussian_fixed", settings(2, {dense(6, "tanh")}, {dense(5, "softplus")}, test::gaussian(0.5))},
        Shapes{"gaussian_learned", settings(2, {dense(6, "tanh")}, {dense(5, "tanh")}, test::gaussian("learned"))},
        Shapes{"linear", settings(2, {}, {}, test::bernoulli())}),
    [](const auto& row) { return row.param.name; });

TEST(Vae, GapsOfGradientsAreZeroAndAllElseIsWritten) {
    Bench bench(settings(3, {test::dense(7, "tanh")}, {test::dense(6, "tanh")}, test::gaussian("learned")), {11}, 4, 4);
    bench.vae.gradient(bench.values, bench.batch(), noise, 1, 1, bench.gradients);
    std::vector<bool> owned(bench.gradients.size());
    for (const layers::Parameter& p : bench.vae.parameters().all()) {
        for (std::size_t i = p.offset; i < p.offset + p.size; ++i) owned[i] = true;
    }
    std::size_t gaps = 0;
    for (std::size_t i = 0; i < owned.size(); ++i) {
        EXPECT_NE(bench.gradients[i], 99.0f) << i;
        if (!owned[i]) {
            EXPECT_EQ(bench.gradients[i], 0.0f) << i;
            ++gaps;
        }
    }
    EXPECT_GT(gaps, 0u);
}

TEST(Vae, NoRowsGiveZeroGradientsAndAnEmptyBound) {
    Bench bench = small(0);
    const Bound bound = bench.vae.gradient(bench.values, bench.batch(), noise, 1, 1, bench.gradients);
    EXPECT_EQ(bound.samples, 0u);
    EXPECT_EQ(bound.elbo(), 0);
    EXPECT_EQ(bench.gradients, std::vector<float>(bench.gradients.size(), 0.0f));
    EXPECT_EQ(bench.vae.evaluate(bench.values, bench.batch(), noise).samples, 0u);
}

TEST(Vae, EvaluatesTheSameBoundAsTheGradientAndLeavesNothingBehind) {
    for (const Precision precision : precisions()) {
        SCOPED_TRACE(name_of(precision));
        Bench bench = small(5, precision);
        const Bound first = bench.vae.gradient(bench.read(), bench.batch(), noise, 0.3, 1, bench.gradients);
        const std::vector<float> gradients = bench.gradients;
        const Bound other = bench.vae.evaluate(bench.read(), bench.rows(1, 2), noise);
        const Bound second = bench.vae.evaluate(bench.read(), bench.batch(), noise);
        EXPECT_EQ(first.reconstruction, second.reconstruction);
        EXPECT_EQ(first.kl, second.kl);
        EXPECT_NE(first.kl, other.kl);
        bench.vae.gradient(bench.read(), bench.batch(), noise, 0.3, 1, bench.gradients);
        EXPECT_EQ(bench.gradients, gradients);
    }
}

TEST(Vae, BoundsAndGradientsOfPartsAddUp) {
    Bench bench = small();
    std::vector<float> sum(bench.gradients.size());
    Bound parts;
    for (const auto& [begin, count] : {std::pair{0, 2}, std::pair{2, 3}}) {
        parts += bench.vae.gradient(bench.values, bench.rows(begin, count), noise, 1, 0.2, bench.gradients);
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += bench.gradients[i];
    }
    const Bound whole = bench.vae.gradient(bench.values, bench.batch(), noise, 1, 0.2, bench.gradients);
    EXPECT_EQ(parts.samples, whole.samples);
    EXPECT_NEAR(parts.elbo(), whole.elbo(), 1e-5); // rows of a product may be summed otherwise in another batch
    for (std::size_t i = 0; i < sum.size(); ++i) EXPECT_NEAR(sum[i], bench.gradients[i], 1e-5);
}

TEST(Vae, NoiseFollowsTheSampleAndNotItsRow) {
    Bench bench = small();
    const double forward = bench.vae.evaluate(bench.values, bench.batch(), noise).reconstruction;
    const double other = bench.vae.evaluate(bench.values, bench.batch(), {7, Purpose::posterior, 3}).reconstruction;
    EXPECT_NE(forward, other);
    std::ranges::reverse(bench.samples);
    for (std::size_t i = 0; i < 2; ++i) {
        std::swap_ranges(bench.x.begin() + 10 * i, bench.x.begin() + 10 * (i + 1), bench.x.begin() + 10 * (4 - i));
    }
    EXPECT_NEAR(bench.vae.evaluate(bench.values, bench.batch(), noise).reconstruction, forward, 1e-5);
}

TEST(Vae, StartsAtTheDatasMean) {
    Bench bench = small();
    std::vector<double> mean(10);
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = static_cast<double>(i) / 10 + 0.01;
    std::ranges::fill(bench.values, 99.0f);
    bench.vae.initialise(3, mean, bench.values);
    for (const layers::Parameter& p : bench.vae.parameters().all()) {
        if (p.path == "decoder/output/weight") std::ranges::fill(bench.part(bench.values, p), 0.0f);
    }
    const std::vector<float> z = test::random_values(2 * 3, 2, 9);
    std::vector<float> out(2 * 10);
    bench.vae.decode(bench.values, {z.data(), 2, 3}, {out.data(), 2, 10});
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], mean[i % 10], 1e-6);
    EXPECT_THROW(bench.vae.initialise(3, std::vector<double>(9), bench.values), std::logic_error);
}

TEST(Vae, ReconstructsFromThePosteriorsMeanInAnyNumberOfRows) {
    Bench bench = small(17); // more than the 6 rows that the workspace is for
    std::vector<float> all(17 * 10), one(10);
    const Matrix<const float> x = bench.batch().x;
    bench.vae.reconstruct(bench.values, x, {all.data(), 17, 10});
    for (std::size_t i = 0; i < 17; ++i) {
        bench.vae.reconstruct(bench.values, x.some_rows(i, 1), {one.data(), 1, 10});
        for (std::size_t j = 0; j < 10; ++j) EXPECT_NEAR(one[j], all[i * 10 + j], 1e-6);
    }
    // With heads of zero weights the posterior's mean is its bias: the reconstruction is what that decodes to.
    std::vector<float> z(3), decoded(10);
    for (const layers::Parameter& p : bench.vae.parameters().all()) {
        if (p.path == "encoder/mean/weight") std::ranges::fill(bench.part(bench.values, p), 0.0f);
        if (p.path == "encoder/mean/bias") std::ranges::copy(bench.part(bench.values, p), z.begin());
    }
    bench.vae.reconstruct(bench.values, x.some_rows(0, 1), {one.data(), 1, 10});
    bench.vae.decode(bench.values, {z.data(), 1, 3}, {decoded.data(), 1, 10});
    for (std::size_t j = 0; j < 10; ++j) EXPECT_NEAR(one[j], decoded[j], 1e-6);
}

/// Inputs and codes are rounded before the first product; nothing else differs from what a training step computes.
/// In pieces of five rows: the noise is that of a row's sample wherever it stands, around the mean that decode() gives.
TEST(Vae, DrawsAroundTheDecodedMean) {
    Bench bench(settings(3, {}, {test::dense(8, "tanh")}, test::gaussian(0.25)), {10}, 5, 17);
    const std::vector<float> codes = test::random_values(17 * 3, 1, 3);
    const Matrix<const float> z(codes.data(), 17, 3);
    std::vector<float> mean(170), drawn(170), normals(10);
    bench.vae.decode(bench.values, z, {mean.data(), 17, 10});
    const Stream stream{1, Purpose::likelihood, 0};
    bench.vae.draw(bench.values, z, stream, bench.samples, 4, {drawn.data(), 17, 10});
    for (std::size_t i = 0; i < 17; ++i) {
        fill_normal(stream, bench.samples[i], 4, normals);
        for (std::size_t d = 0; d < 10; ++d)
            EXPECT_NEAR(drawn[i * 10 + d], mean[i * 10 + d] + 0.5f * normals[d], 1e-6) << i;
    }
}

TEST(Vae, ReconstructsAndDecodesInBf16) {
    if (!matmul_supports(Precision::bf16)) GTEST_SKIP() << "no bf16 products on " << matmul_instruction_set();
    Bench exact = small(17), stored = small(17, Precision::bf16);
    const Matrix<const float> x = exact.batch().x;
    std::vector<float> expected(17 * 10), found(17 * 10);
    exact.vae.reconstruct(exact.read(), x, {expected.data(), 17, 10});
    stored.vae.reconstruct(stored.read(), x, {found.data(), 17, 10});
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 0.02) << i; // of probabilities
    EXPECT_NE(found, expected);

    // Where hidden layers are most of what is stored, half is needed of it.
    const config::Model wide = settings(3, {test::dense(500, "relu")}, {test::dense(500, "gelu")}, test::bernoulli());
    const Vae floats(wide, {10}, 64), halves(wide, {10}, 64, Precision::bf16);
    EXPECT_LT(static_cast<double>(halves.workspace_bytes()), 0.55 * static_cast<double>(floats.workspace_bytes()));
}

TEST(Vae, RefusesBatchesThatDoNotFit) {
    Bench bench = small(7); // for 6
    EXPECT_THROW(bench.vae.evaluate(bench.values, bench.batch(), noise), std::logic_error);
    EXPECT_THROW(bench.vae.evaluate(bench.values, {{bench.x.data(), 2, 9}, {bench.samples.data(), 2}}, noise),
                 std::logic_error);
}

TEST(Vae, RefusesSamplesWithoutElements) {
    EXPECT_THROW(Vae(settings(2, {}, {}, test::bernoulli()), {0, 4}, 1), InputError);
}

TEST(Vae, CountsItsProducts) {
    const Bench bench(settings(20, {dense(400, "relu"), dense(400, "relu")}, {dense(400, "relu"), dense(400, "relu")},
                               test::bernoulli()),
                      {28, 28}, 1, 1);
    constexpr double forward = 2.0 * (784 * 400 + 400 * 400 + 400 * 40 + 20 * 400 + 400 * 400 + 400 * 784);
    EXPECT_EQ(bench.vae.flops_per_sample(), 3 * forward - 2.0 * 784 * 400);
    EXPECT_EQ(bench.vae.parameters().trainable(), 973624u);
    EXPECT_EQ(bench.vae.support(), (std::pair{0.0, 1.0}));
}

} // namespace
} // namespace elbo::model
