// Convolutions as layers: figures from PyTorch, gradients by differences, shapes, what does not fit, and views.
#include "base/error.hpp"
#include "layers/convolution.hpp"
#include "support/gradient_check.hpp"
#include "support/layer_bench.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

#include <array>

namespace elbo::layers {
namespace {

using Bench = test::LayerBench;
using test::refusal;

struct Figures {
    const char* name;
    config::Settings settings;
    Shape input, output;
    std::array<float, 4> first;    ///< of the output
    std::array<double, 4> digests; ///< of the output and the gradients by weight, bias and input
};

/// By PyTorch 2.15 in float64: y = tanh(conv2d(x, w, b)) or conv_transpose2d, gradients of (y * g).sum(); x, w, b and g
/// filled with steps 7, 3, 4 and 5, x and y in the order H, W, C.
const Figures figures[] = {
    {"Strided",
     test::convolution("conv", 3, 3, 2, 1, "tanh"),
     {5, 4, 2},
     {3, 2, 3},
     {-0.38528397f, 0.20037672f, -0.0468407f, -0.67096707f},
     {1.396108747, -1.657925283, 0.530992951, -1.930889416}},
    {"OneChannel",
     test::convolution("conv", 2, 2, 1, 0, "tanh"),
     {4, 4},
     {3, 3, 2},
     {-0.43718879f, -0.0468407f, -0.47431633f, 0},
     {-0.191756976, -1.054475210, -1.190517789, -0.602888552}},
    {"Transposed",
     test::convolution("deconv", 2, 4, 2, 1, "tanh"),
     {3, 2, 3},
     {6, 4, 2},
     {-0.6622861f, -0.25954921f, -0.75495357f, 0.07796644f},
     {-0.262637200, 0.932016473, -0.337146328, -0.409526198}},
    {"TransposedOdd",
     test::convolution("deconv", 1, 3, 3, 0, "tanh"),
     {2, 3, 2},
     {6, 9, 1},
     {-0.23017571f, -0.3583574f, -0.69593552f, -0.43718879f},
     {-0.868878157, -0.543918419, -0.142605194, -1.071613540}},
};

class ConvolutionFigures : public testing::TestWithParam<Figures> {};

TEST_P(ConvolutionFigures, EqualThoseOfPyTorch) {
    const Figures& f = GetParam();
    Bench bench(f.settings, f.input);
    EXPECT_EQ(bench.layer->output(), f.output);
    test::expect_figures(bench, f.first, f.digests);
}

std::string figure_name(const testing::TestParamInfo<Figures>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Layers, ConvolutionFigures, testing::ValuesIn(figures), figure_name);

/// Activations without a kink, those that keep their slope among them.
TEST(Convolution, GradientAgreesWithDifferences) {
    for (const char* kind : {"conv", "deconv"})
        for (const char* activation : {"identity", "tanh", "sigmoid", "softplus", "gelu", "silu"}) {
            SCOPED_TRACE(std::string(kind) + " " + activation);
            Bench bench(test::convolution(kind, 5, 3, 2, 1, activation), {7, 5, 3}, 3);
            bench.values = test::random_values(bench.values.size(), 0.25f, 1);
            bench.in = test::random_values(bench.in.size(), 1, 2);
            test::check_gradients(bench);
        }
}

TEST(Convolution, LeavesTheInputsGradientAloneWhereUnwanted) {
    Bench bench(test::convolution("conv", 4, 3, 1, 1, "relu"), {4, 4});
    bench.diff_in.assign(bench.diff_in.size(), 7);
    bench.forward();
    bench.backward(false);
    EXPECT_EQ(bench.diff_in, std::vector<float>(bench.diff_in.size(), 7));
}

TEST(Convolution, HasPyTorchsShapesOfWeights) {
    const Bench conv(test::convolution("conv", 8, 3, 1, 0, "relu"), {6, 7, 5});
    const Bench deconv(test::convolution("deconv", 8, 3, 1, 0, "relu"), {6, 7, 5});
    EXPECT_EQ(conv.parameters.all()[0].shape, (Shape{8, 5, 3, 3}));
    EXPECT_EQ(deconv.parameters.all()[0].shape, (Shape{5, 8, 3, 3}));
    EXPECT_EQ(conv.layer->output(), (Shape{4, 5, 8}));
    EXPECT_EQ(deconv.layer->output(), (Shape{8, 9, 8}));
    EXPECT_EQ(conv.layer->flops_per_sample(), 2.0 * 4 * 5 * 8 * 5 * 9);
    EXPECT_EQ(deconv.layer->flops_per_sample(), 2.0 * 6 * 7 * 8 * 5 * 9);
    EXPECT_EQ(conv.parameters.all()[1].path, "encoder/layer/bias");
}

TEST(Convolution, WhatDoesNotFitIsRefusedWithTheShapesSoFar) {
    const config::Settings conv = test::convolution("conv", 8, 4, 2, 1, "relu");
    EXPECT_EQ(
        refusal({conv, test::dense(10, "relu"), conv}, {8, 8}),
        "test:1: encoder/conv2: images [height, width] or [height, width, channels] are expected, but the input is "
        "10: put a reshape before it (shapes so far: 8 x 8 -> conv1 4 x 4 x 8 -> dense1 10)");
    EXPECT_EQ(refusal({conv, conv, conv, conv}, {8, 8}),
              "test:1: encoder/conv4: a kernel of 4 with stride 2 and padding 1 does not fit 1 x 1 x 8 (shapes so far: "
              "8 x 8 -> conv1 4 x 4 x 8 -> conv2 2 x 2 x 8 -> conv3 1 x 1 x 8)");
    EXPECT_EQ(refusal({test::reshape("[3, 3]")}, {8}),
              "test:1: encoder/reshape1: 3 x 3 has 9 elements, but its input, 8, has 8 (shapes so far: 8)");
    EXPECT_NE(refusal({test::convolution("conv", 1, 2, 1, 2, "relu")}, {8, 8}), "");
    EXPECT_NE(refusal({test::convolution("deconv", 1, 2, 1, 1, "relu")}, {1, 1}), "");
    EXPECT_EQ(refusal({conv, test::flatten(), test::reshape("[4, 4, 8]"), conv}, {8, 8}), "");
}

/// The same values and gradients as without the views, which have no room of their own.
TEST(Convolution, ViewsChangeNothingButTheShape) {
    const config::Settings conv = test::convolution("conv", 2, 3, 1, 1, "tanh");
    const auto run = [&](const std::vector<config::Settings>& layers, const Shape& input, const Shape& output) {
        ParameterTable parameters;
        Workspace workspace;
        Stack stack(layers, {parameters, workspace, 3, "encoder", input});
        EXPECT_EQ(stack.output(), output);
        workspace.allocate();
        const std::vector<float> values = test::random_values(parameters.size(), 0.5f, 1);
        std::vector<float> in = test::random_values(3 * 16, 1, 2), diff_in(in.size()), result(parameters.size());
        const Matrix<const float> out = stack.forward(values, Matrix<const float>(in.data(), 3, 16)).as<float>();
        result.insert(result.end(), out.data(), out.data() + 3 * out.columns());
        const Matrix<float> diff = stack.diff_output().as<float>();
        std::fill_n(diff.data(), 3 * diff.columns(), 0.5f);
        std::vector<float> gradients(parameters.size());
        stack.backward(values, Matrix<float>(diff_in.data(), 3, 16), gradients, [](std::size_t) {});
        result.insert(result.end(), gradients.begin(), gradients.end());
        result.insert(result.end(), diff_in.begin(), diff_in.end());
        return std::pair(result, workspace.planned_bytes());
    };
    const auto plain = run({conv, test::dense(8, "tanh")}, {4, 4}, {8});
    const auto viewed = run({test::flatten(), test::reshape("[4, 4]"), conv, test::flatten(), test::dense(8, "tanh"),
                             test::reshape("[2, 4]")},
                            {16}, {2, 4});
    EXPECT_EQ(plain, viewed);
    // Nothing but views is nothing at all.
    const auto none = run({test::flatten()}, {4, 4}, {16});
    EXPECT_EQ(std::vector<float>(none.first.end() - 48, none.first.end()), std::vector<float>(48, 0.5f));
}

} // namespace
} // namespace elbo::layers
