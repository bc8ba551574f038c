// The table of layers, and layers in sequence.
#include "layers/convolution.hpp"
#include "layers/dense.hpp"
#include "layers/dropout.hpp"
#include "layers/layer.hpp"
#include "layers/normalization.hpp"
#include "layers/reshape.hpp"
#include "layers/residual.hpp"
#include "layers/upsample.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

namespace elbo::layers {

std::span<const LayerKind> layer_kinds() {
    static const LayerKind kinds[] = {dense_kind(),
                                      convolution_kind(),
                                      transposed_convolution_kind(),
                                      flatten_kind(),
                                      reshape_kind(),
                                      group_normalization_kind(),
                                      layer_normalization_kind(),
                                      residual_kind(),
                                      upsample_kind(),
                                      dropout_kind()};
    return kinds;
}

std::unique_ptr<Layer> make_layer(const config::Settings& settings, const Building& building) {
    for (const LayerKind& kind : layer_kinds()) {
        if (kind.schema.name != settings.kind) continue;
        try {
            return kind.make(settings, building);
        } catch (const LayerError&) {
            throw;
        } catch (const InputError& error) {
            throw LayerError(fmt::format("{}: {}: {}", settings.where, building.path, error.what()), building.path);
        }
    }
    throw std::logic_error("no layer is called " + settings.kind);
}

namespace {

/// "28 x 28 -> conv1 14 x 14 x 32 -> dense1 256"
std::string chain_of(std::span<const NamedShape> shapes) {
    std::string chain = describe(shapes.front().shape);
    for (const auto& [name, shape] : shapes.subspan(1)) chain += fmt::format(" -> {} {}", name, describe(shape));
    return chain;
}

} // namespace

Stack::Stack(const std::vector<config::Settings>& layers, const Building& building)
    : workspace_(building.workspace),
      precision_(building.precision),
      input_(building.input),
      output_(building.input),
      shapes_{{"", building.input}} {
    std::map<std::string, int, std::less<>> count;
    std::size_t widest = elements(input_);
    for (const config::Settings& settings : layers) {
        const std::string name = settings.kind + std::to_string(++count[settings.kind]);
        const std::string path = building.path + "/" + name;
        const std::size_t first = building.parameters.size();
        std::unique_ptr<Layer> layer;
        try {
            layer =
                make_layer(settings, {building.parameters, workspace_, building.max_rows, path, output_, precision_});
        } catch (const LayerError& error) {
            if (error.path != path) throw; // of a layer within it, with the shapes there
            throw LayerError(fmt::format("{} (shapes so far: {})", error.what(), chain_of(shapes_)), path);
        }
        const Shape input = std::exchange(output_, layer->output());
        for (const NamedShape& inner : layer->inside())
            if (!inner.name.empty()) shapes_.push_back({name + "/" + inner.name, inner.shape});
        shapes_.push_back({name, output_});
        if (layer->is_view()) continue;
        const std::size_t width = elements(output_);
        if (layers_.empty()) widest = 0;
        widest = std::max(widest, width);
        layers_.push_back(
            {path, input, std::move(layer), width, workspace_.plan(building.max_rows * width, precision_), first});
    }
    // Gradients between layers alternate between two pieces: a layer reads one and writes the other.
    for (std::size_t i = 0; i < std::min<std::size_t>(2, std::max<std::size_t>(1, layers_.size())); ++i) {
        diff_[i] = workspace_.plan(building.max_rows * widest, precision_);
    }
}

std::vector<Operation> Stack::operations() const {
    std::vector<Operation> operations;
    for (const Place& place : layers_) operations.push_back(place.layer->operation(place.input));
    return operations;
}

double Stack::flops_per_sample() const {
    double sum = 0;
    for (const Place& place : layers_) sum += place.layer->flops_per_sample();
    return sum;
}

double Stack::first_layer_flops() const { return layers_.empty() ? 0 : layers_.front().layer->flops_to_input(); }

AnyMatrix Stack::out(std::size_t index) const {
    return workspace_.matrix(layers_[index].output, precision_, in_.rows(), layers_[index].width);
}

AnyMatrix Stack::diff(std::size_t index) const {
    return workspace_.matrix(diff_[index % 2], precision_, in_.rows(), layers_[index].width);
}

ConstAnyMatrix Stack::forward(const Pass& pass, ConstAnyMatrix in) {
    in_ = in;
    ConstAnyMatrix current = in;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        layers_[i].layer->forward(pass, current, out(i));
        current = out(i);
    }
    return current;
}

AnyMatrix Stack::diff_output() {
    if (layers_.empty()) return workspace_.matrix(diff_[0], precision_, in_.rows(), in_.columns());
    return diff(layers_.size() - 1);
}

void Stack::backward(const Pass& pass, AnyMatrix diff_in, std::span<float> gradients, const FinalFrom& final_from) {
    if (layers_.empty()) {
        if (diff_in.columns() != 0) copy(diff_output(), diff_in);
        return;
    }
    for (std::size_t i = layers_.size(); i-- > 0;) {
        const ConstAnyMatrix in = i == 0 ? in_ : ConstAnyMatrix(out(i - 1));
        layers_[i].layer->backward(pass, in, out(i), diff(i), i == 0 ? diff_in : diff(i - 1), gradients, final_from);
        final_from(layers_[i].first);
    }
}

ConstAnyMatrix Stack::last_output() const {
    if (layers_.empty()) return in_;
    return out(layers_.size() - 1);
}

std::optional<NotFinite> Stack::first_not_finite() const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        if (auto found = find_not_finite(layers_[i].path, out(i))) return found;
    }
    return std::nullopt;
}

} // namespace elbo::layers
