// Residual blocks, enlarged images and dropout.
#include "layers/layer.hpp"
#include "support/gradient_check.hpp"
#include "support/layer_bench.hpp"
#include "support/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>

namespace elbo::layers {
namespace {

using Bench = test::LayerBench;
using test::digest;
using test::fill;
using test::refusal;
using ::testing::HasSubstr;

TEST(Residual, GradientAgreesWithDifferences) {
    const config::Settings conv = test::convolution("conv", 6, 3, 1, 1, "identity");
    for (const char* activation : {"identity", "tanh", "gelu"}) {
        SCOPED_TRACE(activation);
        Bench bench(
            test::residual({test::group_norm(2, "tanh"), conv, test::residual({conv}, "silu"), conv}, activation),
            {4, 3, 6}, 3);
        bench.values = test::random_values(bench.values.size(), 0.4f, 1);
        bench.in = test::random_values(bench.in.size(), 1, 2);
        test::check_gradients(bench);
    }
}

TEST(Residual, IsItsInputAndTheBlock) {
    Bench bench(test::residual({test::dense(5, "tanh")}), {5}), block(test::dense(5, "tanh"), {5});
    bench.values = block.values = test::random_values(block.values.size(), 1, 1);
    bench.in = block.in = test::random_values(block.in.size(), 1, 2);
    bench.forward();
    block.forward();
    for (std::size_t i = 0; i < bench.out.size(); ++i) EXPECT_EQ(bench.out[i], block.out[i] + block.in[i]);
    bench.diff_out = block.diff_out = test::random_values(block.out.size(), 1, 3);
    const std::vector<float> diff_out = block.diff_out;
    bench.backward();
    block.backward();
    EXPECT_EQ(bench.gradients, block.gradients);
    for (std::size_t i = 0; i < diff_out.size(); ++i) EXPECT_EQ(bench.diff_in[i], block.diff_in[i] + diff_out[i]);
}

TEST(Residual, NamesAndShapesOfWhatIsInside) {
    const config::Settings conv = test::convolution("conv", 2, 3, 1, 1, "relu");
    ParameterTable parameters;
    Workspace workspace;
    const Stack stack({test::residual({conv, test::flatten(), test::reshape("[4, 4, 2]")}), test::residual({conv})},
                      {parameters, workspace, 3, "encoder", {4, 4, 2}});
    std::vector<std::string> names;
    for (const NamedShape& shape : stack.shapes()) names.push_back(shape.name + " " + describe(shape.shape));
    EXPECT_THAT(names, testing::ElementsAre(" 4 x 4 x 2", "residual1/conv1 4 x 4 x 2", "residual1/flatten1 32",
                                            "residual1/reshape1 4 x 4 x 2", "residual1 4 x 4 x 2",
                                            "residual2/conv1 4 x 4 x 2", "residual2 4 x 4 x 2"));
    EXPECT_EQ(parameters.all()[0].path, "encoder/residual1/conv1/weight");
    EXPECT_EQ(stack.first_layer_flops(), 2.0 * 16 * 2 * 2 * 9);
}

TEST(Residual, RefusesABlockOfAnotherShape) {
    const config::Settings conv = test::convolution("conv", 2, 3, 1, 1, "relu");
    EXPECT_THAT(refusal({test::residual({conv})}, {4, 4, 3}),
                AllOf(HasSubstr("encoder/residual1: the block makes 4 x 4 x 2 of 4 x 4 x 3"),
                      HasSubstr("must have its shape")));
    EXPECT_THAT(refusal({test::residual({})}, {4}), HasSubstr("needs a layer that computes"));
    EXPECT_THAT(refusal({test::residual({test::flatten()})}, {4}), HasSubstr("needs a layer that computes"));
    EXPECT_THAT(refusal({test::residual({conv})}, {4}), HasSubstr("encoder/residual1/conv1: images"));
}

struct Figures {
    std::int64_t factor;
    Shape input, output;
    std::array<float, 4> first;
    double out, diff_in; ///< digests
};

/// By PyTorch 2.15: interpolate(mode="nearest"), gradient of (y * g).sum(), x and g filled with steps 7 and 5.
TEST(Upsample, FiguresEqualThoseOfPyTorch) {
    for (const Figures& f : {Figures{2, {2, 3, 3}, {4, 6, 3}, {-0.625f, 0.25f, -0.25f, -0.625f}, 5.40625, 1.09375},
                             Figures{3, {2, 2, 17}, {6, 6, 17}, {-0.625f, 0.25f, -0.25f, 0.625f}, -8.71875, -1.0625},
                             Figures{2, {3, 2}, {6, 4, 1}, {-0.625f, -0.625f, 0.25f, 0.25f}, -3.15625, 0.5}}) {
        Bench bench(test::upsample(f.factor), f.input);
        EXPECT_EQ(bench.layer->output(), f.output);
        fill(bench.in, 7);
        bench.forward();
        for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(bench.out[i], f.first[i]);
        EXPECT_NEAR(digest(bench.out), f.out, 1e-5);
        fill(bench.diff_out, 5);
        bench.backward();
        EXPECT_NEAR(digest(bench.diff_in), f.diff_in, 1e-5);
    }
    EXPECT_THAT(refusal({test::upsample(2)}, {12}), HasSubstr("images [height, width]"));
}

class DropoutOf : public testing::Test {
protected:
    std::vector<std::uint64_t> samples = std::vector<std::uint64_t>(200);
    DropoutOf() { std::iota(samples.begin(), samples.end(), 1000); }
    Noise noise(std::uint32_t epoch = 0) const { return {{1, Purpose::dropout, epoch}, samples}; }

    /// What becomes of ones.
    std::vector<float> dropped(const std::optional<Noise>& noise, const std::string& path = "encoder/dropout1") const {
        ParameterTable parameters;
        Workspace workspace;
        const auto layer = make_layer(test::dropout(0.3), {parameters, workspace, samples.size(), path, {50}});
        workspace.allocate();
        std::vector<float> in(samples.size() * 50, 1), out(in.size());
        const std::vector<float> none;
        layer->forward({none, noise}, Matrix<const float>(in.data(), samples.size(), 50),
                       Matrix<float>(out.data(), samples.size(), 50));
        return out;
    }
};

TEST_F(DropoutOf, AShareBecomesZeroAndTheMeanStays) {
    double zeros = 0, sum = 0;
    for (const float x : dropped(noise())) {
        ASSERT_TRUE(x == 0 || x == 1 / 0.7f);
        zeros += x == 0;
        sum += x;
    }
    EXPECT_NEAR(zeros / 10000, 0.3, 5 * std::sqrt(0.3 * 0.7 / 10000)); // five standard deviations
    EXPECT_NEAR(sum / 10000, 1, 0.035);
    EXPECT_EQ(dropped({}), std::vector<float>(10000, 1));
}

TEST_F(DropoutOf, FollowsFromSampleEpochAndLayer) {
    const std::vector<float> all = dropped(noise());
    EXPECT_EQ(dropped(noise()), all);
    EXPECT_NE(dropped(noise(1)), all);
    EXPECT_NE(dropped(noise(), "encoder/dropout2"), all);
    std::swap(samples[3], samples[150]);
    const std::vector<float> swapped = dropped(noise());
    for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_EQ(swapped[3 * 50 + i], all[150 * 50 + i]);
        EXPECT_EQ(swapped[150 * 50 + i], all[3 * 50 + i]);
    }
}

TEST_F(DropoutOf, GradientAgreesWithDifferences) {
    Bench bench(test::dropout(0.4), {70}, 3);
    bench.dropout = noise();
    bench.in = test::random_values(bench.in.size(), 1, 2);
    test::check_gradients(bench);
}

} // namespace
} // namespace elbo::layers
