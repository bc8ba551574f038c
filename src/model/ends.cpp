#include "model/ends.hpp"

#include "base/error.hpp"
#include "layers/activation.hpp"

#include <array>

namespace elbo::model {

using layers::Activation;
using layers::Building;
using layers::Dense;
using layers::Initial;

namespace {

/// Weights of a layer without activation, this much smaller than a signal's size would ask for.
Initial small_weight(double factor, std::size_t inputs, std::size_t outputs) {
    Initial initial = layers::activation_kind(Activation::identity).initial_weight(inputs, outputs);
    initial.scale *= factor;
    return initial;
}

} // namespace

Dense make_heads(std::size_t latent, const Building& building) {
    const std::size_t inputs = elements(building.input);
    const std::array parts = {
        Dense::Part{"encoder/mean", latent, small_weight(1, inputs, latent), {}},
        Dense::Part{"encoder/log_variance", latent, small_weight(0.1, inputs, latent), {}},
    };
    return {Activation::identity, parts, building};
}

std::unique_ptr<layers::Layer> make_output(const config::Model& model, std::size_t outputs, Building building) {
    building.weight_scale = 0.3;
    config::Settings settings{"dense", "", {{"dense", static_cast<std::int64_t>(outputs)}, {"activation", {}}}};
    if (model.output.size() > 1)
        reject("{}: model.output has {} layers; expected one", model.output[1].where, model.output.size());
    if (!model.output.empty()) settings = model.output.front();
    settings.values["activation"] = "identity";
    std::unique_ptr<layers::Layer> layer = layers::make_layer(settings, building);
    if (layer->is_view() || elements(layer->output()) != outputs)
        reject("{}: model.output makes {} of {}, but the likelihood of a sample has {} parameters", settings.where,
               describe(layer->output()), describe(building.input), outputs);
    return layer;
}

} // namespace elbo::model
