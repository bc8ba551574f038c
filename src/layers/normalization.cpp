#include "layers/normalization.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace elbo::layers {

Normalization::Normalization(const Keys& keys, const Building& building)
    : groups_(keys.groups),
      epsilon_(static_cast<float>(keys.epsilon)),
      activation_(keys.activation),
      precision_(building.precision),
      output_(building.input),
      workspace_(building.workspace),
      keeps_slope_(activation_kind(keys.activation).keeps_slope) {
    building.parameters.align();
    gain_ = building.parameters.add(building.path + "/weight", {groups_.channels}, {Initial::Kind::constant, 1});
    building.parameters.align();
    bias_ = building.parameters.add(building.path + "/bias", {groups_.channels}, {});
    statistics_ = workspace_.plan(building.max_rows * slabs() * groups_.statistics());
    scratch_ = workspace_.plan(groups_.scratch());
    if (keeps_slope_) slope_ = workspace_.plan(building.max_rows * elements(output_), precision_);
}

Operation Normalization::operation(const Shape& input) const {
    const bool of_places = slabs() > 1 || elements(output_) == groups_.channels;
    return {.kind = of_places && groups_.groups == 1 ? Operation::Kind::layer_normalization
                                                     : Operation::Kind::group_normalization,
            .input = input,
            .output = output_,
            .weight = gain_,
            .bias = bias_,
            .groups = groups_.groups,
            .epsilon = epsilon_,
            .activation = activation_};
}

AnyMatrix Normalization::slope(std::size_t rows) const {
    if (!keeps_slope_) return {};
    return places_of(workspace_.matrix(slope_, precision_, rows, elements(output_)));
}

Matrix<float> Normalization::statistics(std::size_t rows) const {
    return {workspace_.at(statistics_), rows * slabs(), groups_.statistics()};
}

void Normalization::forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) {
    const std::span<const float> values = pass.values.exact;
    normalize(groups_, epsilon_, values.subspan(gain_, groups_.channels), values.subspan(bias_, groups_.channels),
              places_of(in), places_of(out), statistics(in.rows()), scratch());
    if (activation_ != Activation::identity) activate(activation_, {}, places_of(out), slope(out.rows()));
}

void Normalization::backward(const Pass& pass, ConstAnyMatrix in, ConstAnyMatrix out, AnyMatrix diff_out,
                             AnyMatrix diff_in, std::span<float> gradients, const FinalFrom&) {
    const ConstAnyMatrix kept = keeps_slope_ ? ConstAnyMatrix(slope(out.rows())) : places_of(out);
    const std::span<float> diff_bias = part_of(gradients, bias_, groups_.channels);
    std::ranges::fill(diff_bias, 0.0F);
    backpropagate_activation(activation_, kept, places_of(diff_out), diff_bias);
    const bool wanted = diff_in.columns() != 0;
    backpropagate_normalize(groups_, pass.values.exact.subspan(gain_, groups_.channels), places_of(in),
                            statistics(in.rows()), places_of(diff_out), wanted ? places_of(diff_in) : diff_in,
                            part_of(gradients, gain_, groups_.channels), scratch());
}

namespace {

std::unique_ptr<Layer> make(const NormalizedGroups& groups, const config::Settings& settings,
                            const Building& building) {
    return std::make_unique<Normalization>(Normalization::Keys{groups, settings.number("epsilon"),
                                                               activation_kind(settings.text("activation")).activation},
                                           building);
}

/// Units of a vector; an image without a last axis of its own has one channel.
std::size_t channels_of(const Shape& shape) { return shape.size() == 2 ? 1 : shape.back(); }

/// A single element would always become 0.
void refuse_single(std::size_t normalized, const Building& building) {
    if (normalized < 2)
        reject("of {}, each element would be normalised by itself; put it elsewhere, or give it fewer groups",
               describe(building.input));
}

std::unique_ptr<Layer> make_group(const config::Settings& settings, const Building& building) {
    const auto groups = static_cast<std::size_t>(settings.integer("group_norm"));
    const std::size_t channels = channels_of(building.input);
    if (channels % groups != 0)
        reject("the {} channels of {} do not make {} groups of the same size", channels, describe(building.input),
               groups);
    refuse_single(elements(building.input) / groups, building);
    return make({elements(building.input) / channels, channels, groups}, settings, building);
}

std::unique_ptr<Layer> make_layer_norm(const config::Settings& settings, const Building& building) {
    const std::size_t channels = channels_of(building.input);
    refuse_single(channels, building);
    return make({1, channels, 1}, settings, building);
}

config::Key epsilon_key() {
    return {.name = "epsilon",
            .type = config::Type::number,
            .fallback = "1e-5",
            .meaning = "added to the variance",
            .least = 0,
            .most = 1,
            .exclusive = true};
}

} // namespace

const LayerKind& group_normalization_kind() {
    using config::Type;
    static const LayerKind kind{{"group_norm",
                                 "each sample's groups of channels, over all pixels, to mean 0 and variance 1; then a "
                                 "gain and a bias a channel",
                                 {{"group_norm", Type::integer, "", "groups", config::Effect::model, 1, 1 << 16},
                                  epsilon_key(),
                                  activation_key("identity")}},
                                make_group};
    return kind;
}

const LayerKind& layer_normalization_kind() {
    static const LayerKind kind{
        {"layer_norm",
         "each sample's last axis (units, or the channels of a pixel) to mean 0 and variance 1; then a gain and a bias",
         {epsilon_key(), activation_key("identity")}},
        make_layer_norm};
    return kind;
}

} // namespace elbo::layers
