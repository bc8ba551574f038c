// Layers in sequence: names, shapes, gradients through several layers, and the empty stack.
#include "layers/layer.hpp"
#include "support/gradient_check.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

namespace elbo::layers {
namespace {

struct Bench {
    static constexpr std::size_t rows = 4, inputs = 6;
    ParameterTable parameters;
    Workspace workspace;
    Stack stack;
    std::vector<float> values, gradients, in, diff_in;

    explicit Bench(const std::vector<config::Settings>& layers)
        : stack(layers, {parameters, workspace, 9, "decoder", {2, 3}}) {
        workspace.allocate();
        values = test::random_values(parameters.size(), 0.5f, 1);
        gradients.resize(parameters.size());
        in = test::random_values(rows * inputs, 1, 2);
        diff_in.resize(rows * inputs);
    }
    Matrix<float> input() { return {in.data(), rows, inputs}; }
};

void check(Bench& bench, std::size_t outputs) {
    const std::vector<float> weights = test::random_values(Bench::rows * outputs, 1, 3);
    const auto objective = [&] {
        const Matrix<const float> out = bench.stack.forward(bench.values, bench.input()).as<float>();
        return test::weighted_sum(weights, {out.data(), weights.size()});
    };
    objective();
    const Matrix<float> diff = bench.stack.diff_output().as<float>();
    ASSERT_EQ(diff.rows(), Bench::rows);
    ASSERT_EQ(diff.columns(), outputs);
    std::copy(weights.begin(), weights.end(), diff.data());
    // What is told to be final is kept, and must still be there at the end.
    std::size_t told = bench.gradients.size();
    std::vector<float> kept(told);
    const auto final_from = [&](std::size_t offset) {
        if (offset == nothing_more) return;
        EXPECT_LT(offset, told);
        const auto from = static_cast<std::ptrdiff_t>(offset), to = static_cast<std::ptrdiff_t>(told);
        std::copy(bench.gradients.begin() + from, bench.gradients.begin() + to, kept.begin() + from);
        told = offset;
    };
    bench.stack.backward(bench.values, {bench.diff_in.data(), Bench::rows, Bench::inputs}, bench.gradients, final_from);
    EXPECT_EQ(told, 0u);
    EXPECT_EQ(kept, bench.gradients);
    std::vector<test::Variable> variables = {{"input", bench.in, bench.diff_in}};
    for (const Parameter& p : bench.parameters.all()) {
        variables.push_back({p.path, std::span(bench.values).subspan(p.offset, p.size),
                             std::span<const float>(bench.gradients).subspan(p.offset, p.size)});
    }
    test::check_gradient(objective, variables);
}

TEST(Stack, NamesLayersByKindAndPlaceAndFlattensItsInput) {
    Bench bench({test::dense(8, "tanh"), test::dense(5, "silu"), test::dense(7, "gelu")});
    const auto all = bench.parameters.all();
    ASSERT_EQ(all.size(), 6u);
    EXPECT_EQ(all[0].path, "decoder/dense1/weight");
    EXPECT_EQ(all[0].shape, (Shape{8, 6}));
    EXPECT_EQ(all[3].path, "decoder/dense2/bias");
    EXPECT_EQ(all[4].path, "decoder/dense3/weight");
    EXPECT_EQ(all[4].shape, (Shape{7, 5}));
    EXPECT_EQ(bench.stack.output(), Shape{7});
    EXPECT_EQ(bench.stack.flops_per_sample(), 2.0 * (8 * 6 + 5 * 8 + 7 * 5));
    EXPECT_EQ(bench.stack.first_layer_flops(), 2.0 * 8 * 6);
    for (const Parameter& p : all) EXPECT_EQ(p.offset % 16, 0u) << p.path;
}

TEST(Stack, GradientOfOneLayerAgreesWithDifferences) {
    Bench bench({test::dense(5, "tanh")});
    check(bench, 5);
}

/// Wide enough that a product which overwrites what it still reads is noticed: oneDNN works in blocks of 64 columns.
TEST(Stack, GradientOfFourLayersAgreesWithDifferences) {
    Bench bench(
        {test::dense(150, "tanh"), test::dense(130, "silu"), test::dense(3, "softplus"), test::dense(7, "gelu")});
    for (float& value : bench.values) value *= 0.3f;
    check(bench, 7);
}

TEST(Stack, WithoutLayersIsTheInputItself) {
    Bench bench({});
    EXPECT_TRUE(bench.stack.empty());
    EXPECT_EQ(bench.stack.output(), (Shape{2, 3}));
    EXPECT_EQ(bench.stack.forward(bench.values, bench.input()).data(), bench.in.data());
    check(bench, Bench::inputs);
}

} // namespace
} // namespace elbo::layers
