// Layers as nodes. elbo's images are [height, width, channels] and ONNX's [channels, height, width]: values are turned
// where a layer needs them otherwise than they are, and stay so until the next one does.
#pragma once

#include "layers/operation.hpp"
#include "layers/parameters.hpp"
#include "onnx/graph.hpp"

#include <span>
#include <string>

namespace elbo::onnx {

/// A value on its way through layers, [N, shape]; or, where channels are first, images of [height, width, channels]
/// that lie as [N, channels, height, width].
struct Flow {
    std::string name;
    Shape shape;
    bool channels_first = false;
};

class Operations {
public:
    Operations(Graph& graph, const layers::ParameterTable& parameters, std::span<const float> values)
        : graph_(graph), parameters_(parameters), values_(values) {}

    Flow apply(Flow flow, const layers::Operation& operation);
    Flow apply(Flow flow, std::span<const layers::Operation> operations);
    std::string activate(const std::string& value, layers::Activation activation);

    /// The same elements, channels last, in this shape.
    Flow reshaped(const Flow& flow, const Shape& shape);

private:
    Flow dense(const Flow& flow, const layers::Operation& operation);
    Flow convolution(const Flow& flow, const layers::Operation& operation);
    Flow group_normalization(const Flow& flow, const layers::Operation& operation);
    Flow layer_normalization(const Flow& flow, const layers::Operation& operation);
    Flow upsample(const Flow& flow, const layers::Operation& operation);
    Flow residual(const Flow& flow, const layers::Operation& operation);

    /// The same elements as images, channels first.
    Flow images(const Flow& flow, const Shape& image);
    /// A reshape of what stands in memory, whose first axis stays.
    std::string reshape(const std::string& value, const Shape& shape);
    /// The parameter at an offset of the flat array, under its own name; in its own shape unless another is given.
    std::string parameter(std::size_t offset, const Shape& shape = {});

    Graph& graph_;
    const layers::ParameterTable& parameters_;
    std::span<const float> values_;
    std::size_t shapes_ = 0;
};

} // namespace elbo::onnx
