// Group and layer normalisation: figures from PyTorch, gradients by differences, large offsets, bf16, refusals.
#include "layers/normalization.hpp"
#include "support/gradient_check.hpp"
#include "support/layer_bench.hpp"
#include "support/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace elbo::layers {
namespace {

using Bench = test::LayerBench;
using test::refusal;
using ::testing::HasSubstr;

struct Figures {
    const char* name;
    config::Settings settings;
    Shape shape;
    std::array<float, 4> first;    ///< of the output
    std::array<double, 4> digests; ///< of the output and the gradients by weight, bias and input
};

/// By PyTorch 2.15 in float64: y = f(group_norm(x)) or f(layer_norm(x)), gradients of (y * g).sum(); x, weight, bias
/// and g filled with steps 7, 3, 4 and 5, x and y in the order H, W, C.
const Figures figures[] = {
    {"Groups",
     test::group_norm(3, "tanh"),
     {3, 4, 6},
     {0.31096858f, -0.28218196f, 0.28441065f, 0.25176265f},
     {-1.064101475, 0.070807687, 0.926284217, 2.204954015}},
    {"OneGroup",
     test::group_norm(1, "tanh", 1e-3),
     {5, 3, 4},
     {0.34175417f, -0.27304123f, 0.28776034f, 0.27257819f},
     {-0.792475969, -0.590585434, -0.090732750, 0.814491758}},
    {"GroupOfAChannel",
     test::group_norm(5, "silu"),
     {2, 7, 5},
     {0.13343748f, -0.11685964f, 0.16516635f, 0.14820828f},
     {0.318413146, 0.073704963, 0.459616622, -0.201236652}},
    {"GreyImage",
     test::group_norm(1, "tanh"),
     {5, 7},
     {0.32240852f, -0.77477266f, -0.24614635f, -0.92430409f},
     {-0.811589131, -2.161904273, -0.286373625, -0.312161597}},
    {"GroupsOfUnits",
     test::group_norm(4, "tanh"),
     {12},
     {0.10117214f, -0.41750672f, 0.34562761f, 0.11188368f},
     {-1.201061212, -0.662383464, 0.635131880, 0.074764086}},
    {"Units",
     test::layer_norm("tanh"),
     {37},
     {0.32746640f, -0.27234785f, 0.28929893f, 0.26547569f},
     {1.277531472, 0.928442512, -1.739056864, -0.243469720}},
    {"Channels",
     test::layer_norm("tanh"),
     {2, 3, 19},
     {0.35754719f, -0.26670735f, 0.28452831f, 0.26017635f},
     {0.845651669, 0.337145730, 0.399677087, -1.852403768}},
};

class NormalizationFigures : public testing::TestWithParam<Figures> {};

TEST_P(NormalizationFigures, EqualThoseOfPyTorch) {
    const Figures& f = GetParam();
    Bench bench(f.settings, f.shape);
    EXPECT_EQ(bench.layer->output(), f.shape);
    test::expect_figures(bench, f.first, f.digests);
}

std::string figure_name(const testing::TestParamInfo<Figures>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Layers, NormalizationFigures, testing::ValuesIn(figures), figure_name);

TEST(Normalization, GradientAgreesWithDifferences) {
    for (const config::Settings& settings :
         {test::group_norm(4, "tanh"), test::group_norm(2, "gelu"), test::layer_norm("silu"), test::layer_norm()}) {
        SCOPED_TRACE(settings.kind + " " + settings.text("activation"));
        Bench bench(settings, {3, 5, 20}, 3);
        bench.values = test::random_values(bench.values.size(), 1, 1);
        bench.in = test::random_values(bench.in.size(), 1, 2);
        test::check_gradients(bench);
    }
}

/// Mean 0 and variance 1, also where the mean is 1000 times the deviation.
TEST(Normalization, NormalisesWhatLiesFarFromZero) {
    Bench bench(test::group_norm(2), {40, 40, 8}, 1);
    bench.in = test::random_values(bench.in.size(), 1, 2);
    for (float& x : bench.in) x += 1000;
    for (float& gain : bench.part(bench.values, 0)) gain = 1;
    bench.forward();
    for (std::size_t group = 0; group < 2; ++group) {
        double sum = 0, squares = 0;
        for (std::size_t i = 0; i < bench.out.size(); ++i) {
            if (i % 8 / 4 != group) continue;
            sum += bench.out[i];
            squares += static_cast<double>(bench.out[i]) * bench.out[i];
        }
        EXPECT_NEAR(sum / 6400, 0, 1e-3);
        EXPECT_NEAR(squares / 6400, 1, 1e-3);
    }
}

TEST(Normalization, BeginsAsNormalisationAlone) {
    const Bench bench(test::group_norm(2), {4, 4, 8});
    const auto all = bench.parameters.all();
    EXPECT_EQ(all[0].path, "encoder/layer/weight");
    EXPECT_EQ(all[0].shape, Shape{8});
    EXPECT_EQ(all[0].initial.kind, Initial::Kind::constant);
    EXPECT_EQ(all[0].initial.scale, 1);
    EXPECT_EQ(all[1].initial.kind, Initial::Kind::zero);
}

/// The same of a sample alone and among others.
TEST(Normalization, DoesNotMixSamples) {
    Bench four(test::group_norm(2, "tanh"), {3, 3, 4}, 4), one(test::group_norm(2, "tanh"), {3, 3, 4}, 1);
    four.values = one.values = test::random_values(one.values.size(), 1, 1);
    four.in = test::random_values(four.in.size(), 1, 2);
    four.forward();
    for (std::size_t row = 0; row < 4; ++row) {
        std::copy_n(four.in.begin() + static_cast<std::ptrdiff_t>(36 * row), 36, one.in.begin());
        one.forward();
        for (std::size_t i = 0; i < 36; ++i) EXPECT_EQ(one.out[i], four.out[36 * row + i]);
    }
}

TEST(Normalization, RefusesWhatIsNoGroup) {
    EXPECT_THAT(refusal({test::group_norm(3)}, {5, 5, 8}),
                HasSubstr("the 8 channels of 5 x 5 x 8 do not make 3 groups"));
    EXPECT_THAT(refusal({test::group_norm(2)}, {5, 5}), HasSubstr("the 1 channels of 5 x 5"));
    EXPECT_THAT(refusal({test::group_norm(8)}, {8}), HasSubstr("each element would be normalised by itself"));
    EXPECT_THAT(refusal({test::layer_norm()}, {5, 5}), HasSubstr("each element would be normalised by itself"));
    EXPECT_EQ(refusal({test::group_norm(8)}, {2, 1, 8}), "");
}

} // namespace
} // namespace elbo::layers
