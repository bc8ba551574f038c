// A layer on its own: what its tests share.
#pragma once

#include "base/error.hpp"
#include "layers/layer.hpp"
#include "support/gradient_check.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace elbo::test {

/// One layer with its values, gradients, a batch and the gradients by it.
struct LayerBench {
    layers::ParameterTable parameters;
    Workspace workspace;
    std::size_t rows;
    Shape input;
    std::unique_ptr<layers::Layer> layer;
    std::vector<float> values, gradients, in, out, diff_out, diff_in;
    std::optional<layers::Noise> dropout;

    LayerBench(const config::Settings& settings, const Shape& input_shape, std::size_t row_count = 2)
        : rows(row_count), input(input_shape) {
        layer = layers::make_layer(settings, {parameters, workspace, rows + 3, "encoder/layer", input});
        workspace.allocate();
        values.assign(parameters.size(), 0);
        gradients.assign(parameters.size(), 99);
        in.resize(rows * elements(input));
        out.resize(rows * elements(layer->output()));
        diff_out.resize(out.size());
        diff_in.resize(in.size());
    }

    std::span<float> part(std::vector<float>& array, std::size_t index) {
        const layers::Parameter& parameter = parameters.all()[index];
        return std::span(array).subspan(parameter.offset, parameter.size);
    }
    Matrix<float> matrix(std::vector<float>& array) { return {array.data(), rows, array.size() / rows}; }
    layers::Pass pass() const { return {values, dropout}; }
    void forward() { layer->forward(pass(), matrix(in), matrix(out)); }
    void backward(bool with_input = true) {
        layer->backward(pass(), matrix(in), matrix(out), matrix(diff_out),
                        with_input ? matrix(diff_in) : Matrix<float>(), gradients, [](std::size_t) {});
    }
};

/// Multiples of 1/8 in [-5/8, 5/8], and a sum that tells places apart.
inline void fill(std::span<float> array, std::size_t step) {
    for (std::size_t i = 0; i < array.size(); ++i) array[i] = (static_cast<float>(i * step % 11) - 5) / 8;
}
inline double digest(std::span<const float> array) {
    double sum = 0;
    for (std::size_t i = 0; i < array.size(); ++i)
        sum += static_cast<double>(array[i]) * (static_cast<double>(i * 5 % 7) - 3) / 4;
    return sum;
}

/// What a stack of layers over such an input is refused with; empty where it is not.
inline std::string refusal(const std::vector<config::Settings>& layers, const Shape& input) {
    layers::ParameterTable parameters;
    Workspace workspace;
    try {
        const layers::Stack stack(layers, {parameters, workspace, 4, "encoder", input});
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

/// What another library gives for a layer whose weight, bias and input are filled with steps 3, 4 and 7, and the
/// gradient by its output with 5: the output's first elements, and digests of the output and the gradients by weight,
/// bias and input.
inline void expect_figures(LayerBench& bench, const std::array<float, 4>& first, const std::array<double, 4>& digests) {
    fill(bench.in, 7);
    fill(bench.part(bench.values, 0), 3);
    fill(bench.part(bench.values, 1), 4);
    bench.forward();
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(bench.out[i], first[i], 2e-6) << i;
    EXPECT_NEAR(digest(bench.out), digests[0], 2e-5);
    fill(bench.diff_out, 5);
    bench.backward();
    EXPECT_NEAR(digest(bench.part(bench.gradients, 0)), digests[1], 2e-5);
    EXPECT_NEAR(digest(bench.part(bench.gradients, 1)), digests[2], 2e-5);
    EXPECT_NEAR(digest(bench.diff_in), digests[3], 2e-5);
}

/// Gradients by the input and every parameter, at the bench's values and input, against differences.
inline void check_gradients(LayerBench& bench) {
    const std::vector<float> weights = random_values(bench.out.size(), 1, 3);
    const auto objective = [&] {
        bench.forward();
        return weighted_sum(weights, bench.out);
    };
    objective();
    bench.diff_out = weights;
    bench.backward();
    std::vector<Variable> variables = {{"input", bench.in, bench.diff_in}};
    for (std::size_t i = 0; i < bench.parameters.all().size(); ++i)
        variables.push_back(
            {bench.parameters.all()[i].path, bench.part(bench.values, i), bench.part(bench.gradients, i)});
    check_gradient(objective, variables);
}

} // namespace elbo::test
