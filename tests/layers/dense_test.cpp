// The dense layer: figures from PyTorch, gradients by differences for every activation, short batches, places of parts.
#include "layers/dense.hpp"
#include "numerics/matmul.hpp"
#include "support/gradient_check.hpp"
#include "support/settings.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <tuple>

namespace elbo::layers {
namespace {

/// A layer of the table with its arrays: rows are fewer than it was planned for.
struct Bench {
    ParameterTable parameters;
    Workspace workspace;
    std::size_t rows, inputs, units;
    std::unique_ptr<Layer> layer;
    std::vector<float> values, gradients, in, out, diff_out, diff_in;

    Bench(const std::string& activation, std::size_t row_count, std::size_t input_count, std::size_t unit_count)
        : rows(row_count), inputs(input_count), units(unit_count) {
        const Building building{parameters, workspace, rows + 3, "encoder/dense1", {inputs}};
        layer = layer_kinds()[0].make(test::dense(static_cast<std::int64_t>(units), activation), building);
        workspace.allocate();
        values.assign(parameters.size(), 0);
        gradients.assign(parameters.size(), 99);
        in.resize(rows * inputs);
        out.resize(rows * units);
        diff_out.resize(rows * units);
        diff_in.resize(rows * inputs);
    }

    std::span<float> part(std::vector<float>& array, std::size_t index) {
        const Parameter& parameter = parameters.all()[index];
        return std::span(array).subspan(parameter.offset, parameter.size);
    }
    Matrix<float> input() { return {in.data(), rows, inputs}; }
    Matrix<float> output() { return {out.data(), rows, units}; }
    void forward() { layer->forward(values, input(), output()); }
    void backward(
        bool with_input, const FinalFrom& final_from = [](std::size_t) {}) {
        const Matrix<float> by_input = with_input ? Matrix<float>(diff_in.data(), rows, inputs) : Matrix<float>();
        layer->backward(values, input(), output(), {diff_out.data(), rows, units}, by_input, gradients, final_from);
    }
};

struct Figures {
    std::string activation;
    std::array<float, 4> out;
    std::array<float, 6> diff_weight;
    std::array<float, 2> diff_bias;
    std::array<float, 6> diff_in;
};

/// By PyTorch 2.15 in float64: y = f(F.linear(x, W, b)), gradients of (y * g).sum().
const Figures figures[] = {
    {"identity",
     {0, -0.125, 1, -1.5},
     {1.125, 1.625, -0.5, 0.5, -4, 4.5},
     {1.25, 1.5},
     {1, -0.625, 0, -1.875, 1.4375, 0.53125}},
    {"relu", {0, 0, 1, 0}, {0.125, -0.375, 0.5, 0, 0, 0}, {0.25, 0}, {0, 0, 0, 0.125, -0.0625, 0.03125}},
    {"tanh",
     {0, -0.124353f, 0.76159416f, -0.90514825f},
     {1.0524968f, 1.8425096f, -0.79001283f, -0.31156153f, -1.5266562f, 1.2150947f},
     {1.1049936f, -0.13085489f},
     {0.99226817f, -0.61920112f, 0.0019329586f, -0.30891649f, 0.24481156f, 0.10347752f}},
    {"sigmoid",
     {0.5f, 0.46879063f, 0.73105858f, 0.18242552f},
     {0.27457649f, 0.42627053f, -0.15169403f, 0.024633465f, -0.69646533f, 0.7210988f},
     {0.29915298f, 0.17377992f},
     {0.24951299f, -0.15588474f, 0.00012175312f, -0.27371641f, 0.21143143f, 0.080717349f}},
    {"softplus",
     {0.69314718f, 0.63259904f, 1.3132617f, 0.20141328f},
     {0.59138232f, 0.72585303f, -0.13447071f, -0.05196979f, -1.0160672f, 0.96409741f},
     {0.68276464f, 0.13045573f},
     {0.48439531f, -0.30079648f, 0.0039011717f, -0.27346873f, 0.22794712f, 0.11405834f}},
    {"leaky_relu",
     {0, -0.00125f, 1, -0.015f},
     {0.135f, -0.355f, 0.49f, 0.005f, -0.04f, 0.045f},
     {0.26f, 0.015f},
     {0.01f, -0.00625f, 0, 0.105f, -0.0475f, 0.03625f}},
    {"gelu",
     {0, -0.056282722f, 0.84134475f, -0.1002108f},
     {0.63541443f, 0.5937567f, 0.041657735f, -0.32786022f, -0.018374488f, -0.30948574f},
     {0.77082887f, -0.45532942f},
     {0.45039103f, -0.27529327f, 0.012402242f, 0.39035282f, -0.25891101f, -0.029880988f}},
    {"silu",
     {0, -0.058598828f, 0.73105858f, -0.27363829f},
     {0.61595881f, 0.65212356f, -0.036164744f, -0.26012534f, -0.31377992f, 0.053654573f},
     {0.73191763f, -0.3014195f},
     {0.46883119f, -0.28912339f, 0.0077922025f, 0.19854712f, -0.11992064f, 0.0083426263f}},
};

void expect_near(std::span<const float> found, std::span<const float> expected, const char* what) {
    ASSERT_EQ(found.size(), expected.size()) << what;
    for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_NEAR(found[i], expected[i], 2e-6) << what << " [" << i << "]"; // products of order 1 in float
    }
}

class DenseFigures : public testing::TestWithParam<Figures> {};

TEST_P(DenseFigures, EqualThoseOfPyTorch) {
    Bench bench(GetParam().activation, 2, 3, 2);
    std::ranges::copy(std::array{0.5f, -0.25f, 0.125f, -1.0f, 0.75f, 0.25f}, bench.part(bench.values, 0).begin());
    std::ranges::copy(std::array{0.125f, -0.375f}, bench.part(bench.values, 1).begin());
    bench.in = {1.0f, 2.0f, -1.0f, 0.5f, -1.5f, 2.0f};
    bench.diff_out = {1.0f, -0.5f, 0.25f, 2.0f};
    bench.forward();
    bench.backward(true);
    expect_near(bench.out, GetParam().out, "out");
    expect_near(bench.part(bench.gradients, 0), GetParam().diff_weight, "weight");
    expect_near(bench.part(bench.gradients, 1), GetParam().diff_bias, "bias");
    expect_near(bench.diff_in, GetParam().diff_in, "in");
}

std::string figure_name(const testing::TestParamInfo<Figures>& info) { return info.param.activation; }
INSTANTIATE_TEST_SUITE_P(Activations, DenseFigures, testing::ValuesIn(figures), figure_name);

TEST(DenseFigures, CoverTheTableOfActivations) { EXPECT_EQ(std::size(figures), activation_kinds().size()); }

class DenseGradient : public testing::TestWithParam<ActivationKind> {};

/// Odd sizes; a batch shorter than planned. The kinks of relu and leaky_relu are kept away from: weights in
/// [-1/4, 1/4], inputs in [-1, 1] and biases of +-8, so that a step along a direction changes no unit's sign.
TEST_P(DenseGradient, AgreesWithDifferences) {
    Bench bench(std::string(GetParam().schema.name), 5, 13, 19);
    bench.values = test::random_values(bench.values.size(), 0.25f, 1);
    bench.in = test::random_values(bench.in.size(), 1, 2);
    const bool kinked = GetParam().activation == Activation::relu || GetParam().activation == Activation::leaky_relu;
    for (std::size_t j = 0; kinked && j < bench.units; ++j) bench.part(bench.values, 1)[j] = j % 3 == 0 ? -8.0f : 8.0f;
    const std::vector<float> weights = test::random_values(bench.out.size(), 1, 3);
    const auto objective = [&] {
        bench.forward();
        return test::weighted_sum(weights, bench.out);
    };
    objective();
    bench.diff_out = weights;
    bench.backward(true);
    test::check_gradient(objective, {{"weight", bench.part(bench.values, 0), bench.part(bench.gradients, 0)},
                                     {"bias", bench.part(bench.values, 1), bench.part(bench.gradients, 1)},
                                     {"input", bench.in, bench.diff_in}});
}

std::string kind_name(const testing::TestParamInfo<ActivationKind>& info) {
    return std::string(info.param.schema.name);
}
INSTANTIATE_TEST_SUITE_P(Activations, DenseGradient,
                         testing::ValuesIn(activation_kinds().begin(), activation_kinds().end()), kind_name);

TEST(Dense, LeavesTheInputsGradientAloneWhereUnwanted) {
    Bench with("tanh", 4, 7, 5), without("tanh", 4, 7, 5);
    for (Bench* bench : {&with, &without}) {
        bench->values = test::random_values(bench->values.size(), 0.5f, 1);
        bench->in = test::random_values(bench->in.size(), 1, 2);
        bench->diff_out = test::random_values(bench->diff_out.size(), 1, 3);
        bench->forward();
    }
    without.diff_in.assign(without.diff_in.size(), 7.0f);
    with.backward(true);
    without.backward(false);
    EXPECT_EQ(without.diff_in, std::vector<float>(without.diff_in.size(), 7.0f));
    EXPECT_EQ(with.gradients, without.gradients);
}

/// What is told to be final is: nothing from there on changes any more, nor are the values read again.
/// A product of 2^32 operations is made in four pieces where the weights are 8 MiB, one of 2^30 in four where they are
/// 2 MiB; small inputs in panels of 64 units.
TEST(Dense, MakesLongProductsInPieces) {
    for (const auto& [rows, inputs, units, pieces] :
         {std::tuple<std::size_t, std::size_t, std::size_t, std::size_t>{1024, 2048, 1024, 4},
          {1024, 1024, 512, 4},
          {64, 64, 256, 4}}) {
        Bench bench("tanh", rows, inputs, units);
        bench.forward();
        std::size_t told = 0, looks = 0;
        bench.backward(true, [&](std::size_t from) { ++(from == nothing_more ? looks : told); });
        EXPECT_EQ(told, pieces - 1) << units;
        EXPECT_EQ(looks, rows == 64 ? 1 : pieces) << units;
        bench.backward(false, [&](std::size_t from) { EXPECT_NE(from, nothing_more) << "there is no such product"; });
    }
}

/// The gradient by the input, made in pieces, against one that is made at once.
TEST(Dense, PiecesAreTheWhole) {
    const std::size_t rows = 1030, inputs = 1100, units = 900;
    Bench bench("identity", rows, inputs, units);
    bench.values = test::random_values(bench.values.size(), 0.5f, 1);
    bench.in = test::random_values(bench.in.size(), 1, 2);
    bench.diff_out = test::random_values(bench.diff_out.size(), 1, 3);
    bench.forward();
    const std::vector<float> diff_out = bench.diff_out;
    bench.backward(true);
    Product whole(Transpose::none), whole_weight(Transpose::a);
    std::vector<float> expected(rows * inputs), weight(units * inputs);
    const ConstAnyMatrix diff{diff_out.data(), rows, units};
    whole(diff, ConstAnyMatrix{bench.values.data(), units, inputs}, {expected.data(), rows, inputs});
    whole_weight(diff, ConstAnyMatrix{bench.in.data(), rows, inputs}, {weight.data(), units, inputs});
    for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(bench.diff_in[i], expected[i], 1e-3) << i;
    for (std::size_t i = 0; i < weight.size(); ++i) ASSERT_NEAR(bench.gradients[i], weight[i], 1e-3) << i;
}

TEST(Dense, IsDonePanelByPanel) {
    const std::size_t rows = 5, inputs = 37;
    for (const std::size_t units : {std::size_t{1}, std::size_t{64}, std::size_t{127}, std::size_t{200}}) {
        Bench bench("tanh", rows, inputs, units), spoilt("tanh", rows, inputs, units);
        for (Bench* some : {&bench, &spoilt}) {
            some->values = test::random_values(some->values.size(), 0.5f, 1);
            some->in = test::random_values(some->in.size(), 1, 2);
            some->diff_out = test::random_values(some->diff_out.size(), 1, 3);
            some->forward();
        }
        bench.backward(true);
        std::vector<std::size_t> told;
        int looks = 0;
        spoilt.backward(true, [&](std::size_t from) {
            if (from == nothing_more) {
                EXPECT_TRUE(told.empty());
                ++looks;
                return;
            }
            EXPECT_TRUE(std::equal(bench.gradients.begin() + static_cast<std::ptrdiff_t>(from), bench.gradients.end(),
                                   spoilt.gradients.begin() + static_cast<std::ptrdiff_t>(from)))
                << from << " of " << units;
            std::fill(spoilt.values.begin() + static_cast<std::ptrdiff_t>(from), spoilt.values.end(), 1e30f);
            told.push_back(from);
        });
        EXPECT_EQ(looks, 1) << "after the product for the input";
        EXPECT_EQ(spoilt.gradients, bench.gradients) << units;
        EXPECT_EQ(spoilt.diff_in, bench.diff_in) << units;
        EXPECT_TRUE(std::ranges::is_sorted(told, std::greater())) << units;
        EXPECT_EQ(told.size(), units < 128 ? 0u : units / 64 - 1) << units; // the last is the caller's to tell
        // Against the sum over rows in double.
        for (std::size_t unit = 0; unit < units; ++unit)
            for (std::size_t input = 0; input < inputs; ++input) {
                double sum = 0;
                for (std::size_t row = 0; row < rows; ++row)
                    sum += static_cast<double>(bench.diff_out[row * units + unit]) * bench.in[row * inputs + input];
                ASSERT_NEAR(bench.part(bench.gradients, 0)[unit * inputs + input], sum, 1e-5) << unit << ' ' << input;
            }
    }
}

/// Values of an edition go another way: the same output but for the order of sums, slopes too, in pieces of rows.
TEST(Dense, KeepsWhatItMakesOfAnEditionsWeights) {
    for (const ActivationKind& kind : activation_kinds())
        for (const std::size_t rows : {1, 37, 150}) {
            SCOPED_TRACE(fmt::format("{}, {} rows", kind.schema.name, rows));
            Bench bench(std::string(kind.schema.name), rows, 1200, 21);
            bench.values = test::random_values(bench.values.size(), 0.1F, 1);
            bench.in = test::random_values(bench.in.size(), 1, 2);
            bench.diff_out = test::random_values(bench.diff_out.size(), 1, 3);
            const auto expect_as_without = [&](std::uint64_t edition) {
                bench.forward();
                bench.backward(true);
                const std::vector<float> out = bench.out, diff_in = bench.diff_in;
                const std::vector<float> diff_out = test::random_values(bench.diff_out.size(), 1, 3);
                bench.diff_out = diff_out;
                Values values(bench.values);
                values.edition = edition;
                bench.layer->forward(values, bench.input(), bench.output());
                // Sums of 1200 products of about 0.03 in another order.
                for (std::size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(bench.out[i], out[i], 2e-5) << i;
                bench.backward(true);
                for (std::size_t i = 0; i < diff_in.size(); ++i) ASSERT_NEAR(bench.diff_in[i], diff_in[i], 2e-5) << i;
                bench.diff_out = diff_out;
            };
            expect_as_without(1);
            for (float& x : bench.values) x = -2 * x;
            expect_as_without(2);
        }
}

TEST(Dense, OverwritesItsGradientsAndNoOthers) {
    Bench bench("relu", 3, 5, 4);
    bench.forward(); // zero weights and inputs
    bench.backward(true);
    const std::span<const Parameter> all = bench.parameters.all();
    for (std::size_t i = 0; i < bench.gradients.size(); ++i) {
        const bool own = i < all[0].size || i >= all[1].offset;
        EXPECT_EQ(bench.gradients[i], own ? 0.0f : 99.0f) << i;
    }
}

TEST(Dense, LaysPartsNextToEachOtherAndEachLayerAtACacheLine) {
    ParameterTable parameters;
    Workspace workspace;
    parameters.add("before", {3}, {});
    const std::array parts = {Dense::Part{"encoder/mean", 3, {}, {}}, Dense::Part{"encoder/log_variance", 3, {}, {}}};
    const Dense heads(Activation::identity, parts, {parameters, workspace, 1, "encoder", {5}});
    const auto all = parameters.all();
    ASSERT_EQ(all.size(), 5u);
    EXPECT_EQ(all[1].path, "encoder/mean/weight");
    EXPECT_EQ(all[2].path, "encoder/log_variance/weight");
    EXPECT_EQ(all[3].path, "encoder/mean/bias");
    EXPECT_EQ(all[4].path, "encoder/log_variance/bias");
    EXPECT_EQ(all[1].shape, (Shape{3, 5}));
    EXPECT_EQ(all[1].offset, 16u);
    EXPECT_EQ(all[2].offset, all[1].offset + all[1].size);
    EXPECT_EQ(all[3].offset % 16, 0u);
    EXPECT_EQ(all[4].offset, all[3].offset + all[3].size);
    EXPECT_EQ(heads.output(), Shape{6});
    EXPECT_EQ(heads.flops_per_sample(), 2.0 * 5 * 6);
}

} // namespace
} // namespace elbo::layers
