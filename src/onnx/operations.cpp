#include "onnx/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numbers>
#include <stdexcept>

namespace elbo::onnx {

using layers::Activation;
using layers::Operation;

namespace {

std::int64_t integer(std::size_t count) { return static_cast<std::int64_t>(count); }

/// Height, width and channels of what images' layers, or normalisations, take for an image.
Shape image_of(const Shape& shape) {
    if (shape.size() == 3) return shape;
    if (shape.size() == 2) return {shape[0], shape[1], 1};
    return {elements(shape) / shape.back(), 1, shape.back()};
}

} // namespace

std::string Operations::parameter(std::size_t offset, const Shape& shape) {
    const auto found = std::ranges::find(parameters_.all(), offset, &layers::Parameter::offset);
    if (found == parameters_.all().end()) throw std::logic_error(fmt::format("no parameter begins at {}", offset));
    return graph_.constant(found->path, shape.empty() ? found->shape : shape, values_.subspan(offset, found->size));
}

std::string Operations::reshape(const std::string& value, const Shape& shape) {
    std::vector<std::int64_t> extents = {0}; // as it is
    for (const std::size_t extent : shape) extents.push_back(integer(extent));
    return graph_.node("Reshape", {value, graph_.constant(fmt::format("shape_{}", ++shapes_), extents)});
}

Flow Operations::reshaped(const Flow& flow, const Shape& shape) {
    std::string name = flow.name;
    if (flow.channels_first) name = graph_.node("Transpose", {name}, {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}});
    if (flow.shape != shape) name = reshape(name, shape);
    return {name, shape, false};
}

Flow Operations::images(const Flow& flow, const Shape& image) {
    if (flow.channels_first && flow.shape == image) return flow;
    const std::string name = reshaped(flow, image).name;
    return {graph_.node("Transpose", {name}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}}), image, true};
}

Flow Operations::dense(const Flow& flow, const Operation& operation) {
    const std::string rows = reshaped(flow, {elements(operation.input)}).name;
    const std::string weight = parameter(operation.weight), bias = parameter(operation.bias);
    return {graph_.node("Gemm", {rows, weight, bias}, {{"transB", std::int64_t{1}}}), operation.output, false};
}

Flow Operations::convolution(const Flow& flow, const Operation& operation) {
    const bool transposed = operation.kind == Operation::Kind::transposed_convolution;
    const std::string in = images(flow, image_of(operation.input)).name;
    const std::string weight = parameter(operation.weight), bias = parameter(operation.bias);
    const auto both = [](std::size_t count) { return std::vector<std::int64_t>(2, integer(count)); };
    const std::string out = graph_.node(transposed ? "ConvTranspose" : "Conv", {in, weight, bias},
                                        {{"kernel_shape", both(operation.kernel)},
                                         {"strides", both(operation.stride)},
                                         {"pads", std::vector<std::int64_t>(4, integer(operation.padding))}});
    return {out, operation.output, true};
}

Flow Operations::group_normalization(const Flow& flow, const Operation& operation) {
    // An instance normalisation of groups instead of channels; ONNX's own of groups is younger than the rest.
    const Shape image = image_of(operation.input);
    const std::size_t channels = image[2], places = elements(image) / channels, groups = operation.groups;
    const std::string grouped = reshape(images(flow, image).name, {groups, places * channels / groups});
    const std::string path = parameter(operation.weight, {channels, 1, 1});
    const std::vector<float> ones(groups, 1), zeros(groups, 0);
    const std::string normal = graph_.node(
        "InstanceNormalization",
        {grouped, graph_.constant(path + "/ones", {groups}, ones), graph_.constant(path + "/zeros", {groups}, zeros)},
        {{"epsilon", static_cast<float>(operation.epsilon)}});
    const std::string scaled = graph_.node("Mul", {reshape(normal, {channels, image[0], image[1]}), path});
    return {graph_.node("Add", {scaled, parameter(operation.bias, {channels, 1, 1})}), image, true};
}

Flow Operations::layer_normalization(const Flow& flow, const Operation& operation) {
    const Shape image = image_of(operation.input);
    const Flow rows = reshaped(flow, {elements(image) / image[2], image[2]});
    const std::string gain = parameter(operation.weight), bias = parameter(operation.bias);
    const std::string out =
        graph_.node("LayerNormalization", {rows.name, gain, bias},
                    {{"axis", std::int64_t{-1}}, {"epsilon", static_cast<float>(operation.epsilon)}});
    return {out, rows.shape, false};
}

Flow Operations::upsample(const Flow& flow, const Operation& operation) {
    const std::string in = images(flow, image_of(operation.input)).name;
    const auto factor = static_cast<float>(operation.factor);
    const std::vector<float> scales = {1, 1, factor, factor};
    const std::string out =
        graph_.node("Resize", {in, "", graph_.constant(fmt::format("scales_{}", ++shapes_), {4}, scales)},
                    {{"mode", "nearest"}, {"coordinate_transformation_mode", "asymmetric"}, {"nearest_mode", "floor"}});
    return {out, operation.output, true};
}

Flow Operations::residual(const Flow& flow, const Operation& operation) {
    const Flow out = apply(flow, operation.block);
    const Flow in = out.channels_first ? images(flow, out.shape) : reshaped(flow, out.shape);
    return {graph_.node("Add", {out.name, in.name}), out.shape, out.channels_first};
}

std::string Operations::activate(const std::string& value, Activation activation) {
    switch (activation) {
    case Activation::identity:
        return value;
    case Activation::relu:
        return graph_.node("Relu", {value});
    case Activation::tanh:
        return graph_.node("Tanh", {value});
    case Activation::sigmoid:
        return graph_.node("Sigmoid", {value});
    case Activation::softplus:
        return graph_.node("Softplus", {value});
    case Activation::leaky_relu:
        return graph_.node("LeakyRelu", {value}, {{"alpha", 0.01F}});
    case Activation::silu:
        return graph_.node("Mul", {value, graph_.node("Sigmoid", {value})});
    case Activation::gelu: { // a node of its own only in later versions
        const std::string argument = graph_.node("Div", {value, graph_.number(std::numbers::sqrt2_v<float>)});
        const std::string twice = graph_.node("Add", {graph_.node("Erf", {argument}), graph_.number(1)});
        return graph_.node("Mul", {graph_.node("Mul", {value, twice}), graph_.number(0.5F)});
    }
    }
    throw std::logic_error("an activation that has no nodes");
}

Flow Operations::apply(Flow flow, const Operation& operation) {
    switch (operation.kind) {
    case Operation::Kind::nothing:
        return flow;
    case Operation::Kind::dense:
        flow = dense(flow, operation);
        break;
    case Operation::Kind::convolution:
    case Operation::Kind::transposed_convolution:
        flow = convolution(flow, operation);
        break;
    case Operation::Kind::group_normalization:
        flow = group_normalization(flow, operation);
        break;
    case Operation::Kind::layer_normalization:
        flow = layer_normalization(flow, operation);
        break;
    case Operation::Kind::upsample:
        flow = upsample(flow, operation);
        break;
    case Operation::Kind::residual:
        flow = residual(flow, operation);
        break;
    }
    flow.name = activate(flow.name, operation.activation);
    return flow;
}

Flow Operations::apply(Flow flow, std::span<const Operation> operations) {
    for (const Operation& operation : operations) flow = apply(std::move(flow), operation);
    return flow;
}

} // namespace elbo::onnx
