// The fully connected layer. Its matrices stay in the layouts that the flat arrays have: oneDNN reads transposes by
// strides, so nothing is reordered.
#include "layers/dense.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace elbo::layers {
namespace {

/// Rows of a weight's gradient that are computed at a time, so that they are still in the cache when they are summed
/// and used. Each panel reads the layer's whole input, which has to lie in the cache then.
constexpr std::size_t rows_of_a_panel = 64, most_cached_bytes = std::size_t{512} << 10;

constexpr std::size_t cached_floats = 64 << 10, least_rows_of_a_piece = 48;

/// Longer products are made in pieces of some milliseconds, so that messages between nodes travel meanwhile: a weight's
/// gradient in panels of its rows, the input's in columns. Those of weights that lie in the cache cost nothing by it.
constexpr double flops_of_a_piece = 1e9, flops_of_a_small_piece = 2.5e8;
constexpr std::size_t small_weights = std::size_t{1} << 20;

/// Units or inputs of a piece, of so many; the other side has `others`.
std::size_t piece_of(std::size_t count, std::size_t others, std::size_t rows) {
    const double flops = 2.0 * static_cast<double>(rows) * static_cast<double>(count * others);
    const double pieces =
        std::floor(flops / (count * others > small_weights ? flops_of_a_piece : flops_of_a_small_piece));
    const auto piece = static_cast<std::size_t>(static_cast<double>(count) / std::max(1.0, pieces));
    return std::min(count, (piece + 15) / 16 * 16);
}

std::size_t rows_of_panels(std::size_t units, std::size_t inputs, std::size_t rows) {
    if (rows * inputs * sizeof(float) < most_cached_bytes) return std::min(units, rows_of_a_panel);
    return piece_of(units, inputs, rows);
}

} // namespace

Dense::Dense(Activation activation, std::span<const Part> parts, const Building& building)
    : activation_(activation),
      precision_(building.precision),
      // Else the activation's pass does; but a sum that is kept in bf16 is rounded once, with the bias in it.
      product_adds_bias_(activation == Activation::identity || precision_ == Precision::bf16),
      inputs_(elements(building.input)),
      workspace_(building.workspace),
      keeps_slope_(activation_kind(activation).keeps_slope),
      product_(Transpose::b, product_adds_bias_),
      diff_weight_(Transpose::a),
      diff_in_(Transpose::none) {
    ParameterTable& table = building.parameters;
    std::size_t units = 0;
    table.align();
    for (const Part& part : parts) {
        const std::size_t offset = table.add(part.path + "/weight", {part.units, inputs_}, part.weight);
        if (units == 0) weight_ = offset;
        units += part.units;
    }
    table.align();
    bool first = true;
    for (const Part& part : parts) {
        const std::size_t offset = table.add(part.path + "/bias", {part.units}, part.bias);
        if (first) bias_ = offset;
        first = false;
    }
    output_ = {units};
    panel_rows_ = rows_of_panels(units, inputs_, building.max_rows);
    columns_ = piece_of(inputs_, units, building.max_rows);
    if (keeps_slope_) slope_ = workspace_.plan(building.max_rows * units, precision_);
}

Operation Dense::operation(const Shape& input) const {
    return {.kind = Operation::Kind::dense,
            .input = input,
            .output = output_,
            .weight = weight_,
            .bias = bias_,
            .activation = activation_};
}

double Dense::flops_per_sample() const { return 2.0 * static_cast<double>(inputs_) * static_cast<double>(units()); }

ConstAnyMatrix Dense::weight(const Values& values) const {
    if (precision_ == Precision::bf16) return {values.rounded.subspan(weight_).data(), units(), inputs_};
    return {values.exact.data() + weight_, units(), inputs_};
}

AnyMatrix Dense::slope(std::size_t rows) const {
    if (!keeps_slope_) return {};
    return workspace_.matrix(slope_, precision_, rows, units());
}

void Dense::forward_by_panels(const Values& values, Matrix<const float> in, Matrix<float> out) {
    if (edition_ != values.edition) {
        std::vector<std::size_t> first(inputs_);
        std::iota(first.begin(), first.end(), std::size_t{0});
        if (!panels_) panels_.emplace(inputs_, units());
        panels_->gather(values.exact.data() + weight_, first, inputs_);
        edition_ = values.edition;
    }
    // Equal pieces of so many rows that what goes in and comes out stays in the second-level cache.
    const std::size_t most = std::max<std::size_t>(least_rows_of_a_piece, cached_floats / (inputs_ + units()));
    const std::size_t pieces = (in.rows() + most - 1) / most;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
        const std::size_t first = in.rows() * piece / pieces, count = in.rows() * (piece + 1) / pieces - first;
        const Matrix<float> some = out.some_rows(first, count);
        multiply({in.row(first).data(), 1, 0, count, in.stride(), 1, 0, inputs_}, *panels_,
                 {some.data(), 0, some.stride()}, values.exact.subspan(bias_, units()));
        if (activation_ != Activation::identity)
            activate(activation_, {}, some, keeps_slope_ ? slope(in.rows()).some_rows(first, count) : AnyMatrix());
    }
}

void Dense::forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) {
    if (pass.values.edition != 0 && precision_ == Precision::fp32 && direct_kernels_are_for(precision_))
        return forward_by_panels(pass.values, in.as<float>(), out.as<float>());
    const std::span<const float> bias = pass.values.exact.subspan(bias_, units());
    if (product_adds_bias_)
        product_(in, weight(pass.values), out, bias);
    else
        product_(in, weight(pass.values), out);
    if (activation_ != Activation::identity)
        activate(activation_, product_adds_bias_ ? std::span<const float>() : bias, out, slope(out.rows()));
}

void Dense::backward(const Pass& pass, ConstAnyMatrix in, ConstAnyMatrix out, AnyMatrix diff_out, AnyMatrix diff_in,
                     std::span<float> gradients, const FinalFrom& final_from) {
    const ConstAnyMatrix kept = keeps_slope_ ? ConstAnyMatrix(slope(out.rows())) : out;
    const std::span<float> diff_bias = part_of(gradients, bias_, units());
    std::ranges::fill(diff_bias, 0.0F);
    backpropagate_activation(activation_, kept, diff_out, diff_bias);
    for (std::size_t first = 0; first < diff_in.columns(); first += columns_) {
        const std::size_t count = std::min(columns_, diff_in.columns() - first);
        diff_in_(diff_out, weight(pass.values).some_columns(first, count), diff_in.some_columns(first, count));
        final_from(nothing_more);
    }
    if (gradients.empty()) return;
    const std::size_t panels = std::max<std::size_t>(1, units() / panel_rows_);
    for (std::size_t panel = panels; panel-- > 0;) {
        const std::size_t first = panel * panel_rows_, end = panel + 1 == panels ? units() : first + panel_rows_;
        diff_weight_(diff_out.some_columns(first, end - first), in,
                     {gradients.data() + weight_ + first * inputs_, end - first, inputs_});
        if (panel > 0) final_from(weight_ + first * inputs_);
    }
}

namespace {

std::unique_ptr<Layer> make_dense(const config::Settings& settings, const Building& building) {
    const ActivationKind& activation = activation_kind(settings.text("activation"));
    const auto units = static_cast<std::size_t>(settings.integer("dense"));
    const Dense::Part part{building.path, units, activation.initial_weight(elements(building.input), units), {}};
    return std::make_unique<Dense>(activation.activation, std::span(&part, 1), building);
}

} // namespace

const LayerKind& dense_kind() {
    using config::Type;
    static const LayerKind kind{
        {"dense",
         "fully connected; takes any shape as its elements in order",
         {{"dense", Type::integer, "", "units", config::Effect::model, 1, 1 << 20}, activation_key()}},
        make_dense};
    return kind;
}

} // namespace elbo::layers
