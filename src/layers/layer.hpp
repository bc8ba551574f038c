// What a layer is: shapes and offsets, a forward and a backward pass that stand side by side in its file.
#pragma once

#include "base/error.hpp"
#include "config/config.hpp"
#include "layers/not_finite.hpp"
#include "layers/operation.hpp"
#include "layers/parameters.hpp"
#include "layers/pass.hpp"
#include "numerics/any_matrix.hpp"
#include "numerics/memory.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace elbo::layers {

/// What a layer is built from. Shapes are of one sample; activations are matrices [rows, elements(shape)].
struct Building {
    ParameterTable& parameters;
    Workspace& workspace; ///< plan() only; allocated before the first pass
    std::size_t max_rows;
    std::string path; ///< of its parameters: "encoder/dense1"
    Shape input;
    Precision precision = Precision::fp32; ///< of activations, their gradients and the operands of products
    double weight_scale = 1;               ///< factor on the deviation of initial weights
};

/// Told in a backward pass: from this offset of the flat arrays on, gradients are final and values no longer needed.
using FinalFrom = std::function<void(std::size_t offset)>;
/// Told between two long products: nothing more is final, but messages under way may be looked after.
inline constexpr std::size_t nothing_more = static_cast<std::size_t>(-1);

/// What comes out of a layer: "conv1" and its shape.
struct NamedShape {
    std::string name;
    Shape shape;
};

class Layer {
public:
    virtual ~Layer() = default;
    virtual const Shape& output() const = 0;     ///< of one sample
    virtual double flops_per_sample() const = 0; ///< of a forward pass; multiply and add count two
    /// Of that part of it whose cost a backward pass without an input gradient spares.
    virtual double flops_to_input() const { return flops_per_sample(); }
    /// What comes out of the layers within it, the input first; empty where there are none.
    virtual std::span<const NamedShape> inside() const { return {}; }
    /// What it computes where nothing is dropped, of samples of this shape.
    virtual Operation operation(const Shape& input) const = 0;
    /// True where it changes the shape alone: what goes in comes out, and no pass is called.
    virtual bool is_view() const { return false; }

    /// out = f(in). in: of the building's precision. out: as well, or a layer without activation may give floats.
    virtual void forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) = 0;

    /// After forward() with the same in and out. diff_out: gradient of the objective by out, of the building's
    /// precision; used up as scratch. diff_in may be of either.
    /// Overwrites this layer's part of gradients unless there are none (empty: the objective's gradient by the input is
    /// all that is wanted); writes diff_in unless it is empty (0 columns: the first layer's).
    /// May tell final_from of parts of it, from the end to the begin; the last, the whole, is told by the caller.
    virtual void backward(const Pass& pass, ConstAnyMatrix in, ConstAnyMatrix out, AnyMatrix diff_out,
                          AnyMatrix diff_in, std::span<float> gradients, const FinalFrom& final_from) = 0;
};

/// A row of the table of layers: its schema, and what builds it.
struct LayerKind {
    config::Kind schema;
    std::unique_ptr<Layer> (*make)(const config::Settings& settings, const Building& building);
};

std::span<const LayerKind> layer_kinds();

/// A layer that its input does not fit, or a layer within it.
class LayerError : public InputError {
public:
    LayerError(const std::string& message, std::string path_of_layer)
        : InputError(message), path(std::move(path_of_layer)) {}
    std::string path;
};

/// One layer of the table. Throws LayerError naming path and place in the configuration where the input does not fit.
std::unique_ptr<Layer> make_layer(const config::Settings& settings, const Building& building);

/// Layers in sequence, with the activations and gradients between them in the workspace.
class Stack {
public:
    /// path: "encoder". Layers are named by kind and place among their kind: dense1, dense2 ...
    Stack(const std::vector<config::Settings>& layers, const Building& building);

    bool empty() const { return layers_.empty(); } ///< true where all that there is are views
    const Shape& output() const { return output_; }
    /// Of a sample: the input, which has no name, and what comes out of each layer, views too.
    std::span<const NamedShape> shapes() const { return shapes_; }
    /// Of its layers, one after the other.
    std::vector<Operation> operations() const;
    double flops_per_sample() const;
    double first_layer_flops() const; ///< of its forward pass: its input gradient is not always wanted

    /// Returns the last layer's output (the input itself where there are no layers), valid until the next pass.
    ConstAnyMatrix forward(const Pass& pass, ConstAnyMatrix in);
    /// Where the gradient by the output is to be written before backward(): [rows of the last forward(), output].
    AnyMatrix diff_output();
    /// diff_in: [rows, input] or empty where the input's gradient is not wanted; gradients: empty where those by
    /// parameters are not. final_from is called after each layer.
    void backward(const Pass& pass, AnyMatrix diff_in, std::span<float> gradients, const FinalFrom& final_from);
    /// What the last forward() returned.
    ConstAnyMatrix last_output() const;
    /// After forward(): the first layer, in the order of the pass, whose output is not finite.
    std::optional<NotFinite> first_not_finite() const;

private:
    struct Place {
        std::string path; ///< of its parameters: "encoder/dense1"
        Shape input;
        std::unique_ptr<Layer> layer;
        std::size_t width, output; ///< elements of its output; their place in the workspace
        std::size_t first;         ///< offset from which on its parameters stand
    };
    AnyMatrix out(std::size_t index) const;
    AnyMatrix diff(std::size_t index) const;

    Workspace& workspace_;
    Precision precision_;
    Shape input_, output_;
    std::vector<NamedShape> shapes_;
    std::vector<Place> layers_; ///< those that compute
    std::size_t diff_[2] = {};
    ConstAnyMatrix in_; ///< of the last forward pass
};

} // namespace elbo::layers
