// Bias and activation go over the result as a matrix [places, channels], as in a dense layer.
#include "layers/convolution.hpp"

#include "base/error.hpp"
#include "layers/images.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace elbo::layers {
namespace {

ConvolutionShape shape_of(bool transposed, const ConvolutionLayer::Keys& keys, const Building& building) {
    const std::size_t kernel = keys.kernel, stride = keys.stride, padding = keys.padding;
    if (padding >= kernel) reject("a kernel of {} takes a padding of at most {}, not {}", kernel, kernel - 1, padding);
    const Image in = image_of(building.input);
    ConvolutionShape shape{in.height, in.width, in.channels, keys.channels, kernel, stride, padding};
    if (transposed) {
        const auto grown = [&](std::size_t extent) {
            const std::size_t whole = (extent - 1) * stride + kernel;
            return whole > 2 * padding ? whole - 2 * padding : 0;
        };
        shape = {grown(in.height), grown(in.width), keys.channels, in.channels, kernel, stride, padding};
    }
    const bool fits = shape.out_height() > 0 && shape.out_width() > 0 && shape.inputs() > 0;
    if (!fits || (transposed && (shape.out_height() != in.height || shape.out_width() != in.width)))
        reject("a kernel of {} with stride {} and padding {} does not fit {}", kernel, stride, padding,
               describe(building.input));
    return shape;
}

} // namespace

ConvolutionLayer::ConvolutionLayer(bool transposed, const Keys& keys, const Building& building)
    : transposed_(transposed),
      activation_(keys.activation),
      precision_(building.precision),
      convolution_(shape_of(transposed, keys, building)),
      workspace_(building.workspace),
      keeps_slope_(activation_kind(keys.activation).keeps_slope) {
    try {
        convolution_.require_kernels(building.max_rows, precision_);
    } catch (const Error& error) {
        reject("{}", error.what());
    }
    const ConvolutionShape& s = convolution_.shape();
    output_ = transposed ? Shape{s.height, s.width, s.channels} : Shape{s.out_height(), s.out_width(), s.out_channels};
    // A value that comes out is a sum over so many that go in, on average; and the other way round.
    const double reach = static_cast<double>(s.kernel * s.kernel), steps = static_cast<double>(s.stride * s.stride);
    const auto fan = [&](std::size_t channel_count, bool strided) {
        return static_cast<std::size_t>(
            std::max(1.0, std::ceil(static_cast<double>(channel_count) * reach / (strided ? steps : 1))));
    };
    const std::size_t fan_in = transposed ? fan(s.out_channels, true) : fan(s.channels, false);
    const std::size_t fan_out = transposed ? fan(s.channels, false) : fan(s.out_channels, true);
    Initial initial = activation_kind(activation_).initial_weight(fan_in, fan_out);
    initial.scale *= building.weight_scale;
    building.parameters.align();
    weight_ =
        building.parameters.add(building.path + "/weight", {s.out_channels, s.channels, s.kernel, s.kernel}, initial);
    building.parameters.align();
    bias_ = building.parameters.add(building.path + "/bias", {channels()}, {});
    if (keeps_slope_) slope_ = workspace_.plan(building.max_rows * elements(output_), precision_);
}

Operation ConvolutionLayer::operation(const Shape& input) const {
    const ConvolutionShape& shape = convolution_.shape();
    return {.kind = transposed_ ? Operation::Kind::transposed_convolution : Operation::Kind::convolution,
            .input = input,
            .output = output_,
            .weight = weight_,
            .bias = bias_,
            .kernel = shape.kernel,
            .stride = shape.stride,
            .padding = shape.padding,
            .activation = activation_};
}

ConstAnyMatrix ConvolutionLayer::weight(const Values& values) const {
    const std::size_t count = convolution_.shape().weights();
    if (precision_ == Precision::bf16) return {values.rounded.subspan(weight_).data(), 1, count};
    return {values.exact.data() + weight_, 1, count};
}

AnyMatrix ConvolutionLayer::places_of(AnyMatrix images) const {
    return {images.data(), images.precision(), images.rows() * places(), channels(), channels()};
}

ConstAnyMatrix ConvolutionLayer::places_of(ConstAnyMatrix images) const {
    return {images.data(), images.precision(), images.rows() * places(), channels(), channels()};
}

AnyMatrix ConvolutionLayer::slope(std::size_t first, std::size_t count) const {
    if (!keeps_slope_) return {};
    return places_of(workspace_.matrix(slope_, precision_, first + count, elements(output_)).some_rows(first, count));
}

void ConvolutionLayer::forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) {
    const std::span<const float> bias = pass.values.exact.subspan(bias_, channels());
    const auto finish = [&](std::size_t first, std::size_t count) {
        activate(activation_, bias, places_of(out.some_rows(first, count)), slope(first, count));
    };
    if (transposed_)
        convolution_.back_to_input(in, weight(pass.values), out, {.done = std::ref(finish)});
    else
        convolution_.forward(in, weight(pass.values), out, {.done = std::ref(finish)});
}

void ConvolutionLayer::backward(const Pass& pass, ConstAnyMatrix in, ConstAnyMatrix out, AnyMatrix diff_out,
                                AnyMatrix diff_in, std::span<float> gradients, const FinalFrom& final_from) {
    const std::span<float> diff_bias = part_of(gradients, bias_, channels());
    std::ranges::fill(diff_bias, 0.0F);
    const auto prepare = [&](std::size_t first, std::size_t count) {
        const ConstAnyMatrix kept =
            keeps_slope_ ? ConstAnyMatrix(slope(first, count)) : places_of(out.some_rows(first, count));
        backpropagate_activation(activation_, kept, places_of(diff_out.some_rows(first, count)), diff_bias);
    };
    // Whoever reads the gradient first.
    const RowHooks first_reader{.next = std::ref(prepare)};
    const bool goes_on = diff_in.columns() != 0;
    if (goes_on) {
        if (transposed_)
            convolution_.forward(diff_out, weight(pass.values), diff_in, first_reader);
        else
            convolution_.back_to_input(diff_out, weight(pass.values), diff_in, first_reader);
        final_from(nothing_more);
    }
    if (gradients.empty()) return;
    const Matrix<float> diff_weight(gradients.data() + weight_, 1, convolution_.shape().weights());
    const RowHooks hooks = goes_on ? RowHooks() : first_reader;
    if (transposed_)
        convolution_.back_to_weight(diff_out, in, diff_weight, hooks);
    else
        convolution_.back_to_weight(in, diff_out, diff_weight, hooks);
}

namespace {

std::unique_ptr<Layer> make(bool transposed, const char* name, const config::Settings& settings,
                            const Building& building) {
    const auto count = [&](const char* key) { return static_cast<std::size_t>(settings.integer(key)); };
    return std::make_unique<ConvolutionLayer>(
        transposed,
        ConvolutionLayer::Keys{count(name), count("kernel"), count("stride"), count("padding"),
                               activation_kind(settings.text("activation")).activation},
        building);
}

std::vector<config::Key> keys_of(std::string_view name) {
    using config::Effect;
    using config::Type;
    return {
        {name, Type::integer, "", "channels of the result", Effect::model, 1, 1 << 16},
        {"kernel", Type::integer, "3", "height and width of the kernel", Effect::model, 1, 1 << 10},
        {"stride", Type::integer, "1", "pixels from one place of the kernel to the next", Effect::model, 1, 1 << 10},
        {"padding", Type::integer, "0", "zeros around the image, fewer than the kernel's height", Effect::model, 0,
         1 << 10},
        activation_key()};
}

} // namespace

const LayerKind& convolution_kind() {
    static const LayerKind kind{
        {"conv", "convolution of images, with a square kernel", keys_of("conv")},
        [](const config::Settings& settings, const Building& b) { return make(false, "conv", settings, b); }};
    return kind;
}

const LayerKind& transposed_convolution_kind() {
    static const LayerKind kind{
        {"deconv", "transposed convolution: (in - 1) stride - 2 padding + kernel pixels", keys_of("deconv")},
        [](const config::Settings& settings, const Building& b) { return make(true, "deconv", settings, b); }};
    return kind;
}

} // namespace elbo::layers
