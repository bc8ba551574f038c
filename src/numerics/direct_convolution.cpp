// A convolution multiplies windows of the image by the weights. The gradient by the image does so with windows of the
// result's gradient, once for each phase of the stride (a transposed convolution is a convolution of its phases).
#include "numerics/direct_convolution.hpp"

#include <algorithm>

namespace elbo {
namespace {

Bordered::Extent border_of_windows(const ConvolutionShape& s) {
    const std::size_t border = 2 * s.padding;
    return {s.height,          s.width * s.channels,           s.padding, s.padding * s.channels,
            s.height + border, (s.width + border) * s.channels};
}

/// Steps of the stride that a kernel covers, beyond the first.
std::size_t steps_covered(const ConvolutionShape& s) { return (s.kernel + s.stride - 1) / s.stride - 1; }

/// Of the result's gradient, so that the pixels at the image's edges see zeros beyond it.
Bordered::Extent border_of_gradient(const ConvolutionShape& s) {
    const std::size_t before = steps_covered(s);
    const auto steps = [&](std::size_t extent, std::size_t out) {
        return before + std::max(out, (s.padding + extent - 1) / s.stride + 1);
    };
    return {s.out_height(),          s.out_width() * s.out_channels,  before,
            before * s.out_channels, steps(s.height, s.out_height()), steps(s.width, s.out_width()) * s.out_channels};
}

} // namespace

Bordered::Bordered(const Extent& extent)
    : extent_(extent), room_(has_border() ? extent.all_lines * extent.all : std::size_t{0}) {}

const float* Bordered::around(const float* image) {
    if (!has_border()) return image;
    float* line = room_.span().data() + extent_.lines_before * extent_.all + extent_.before;
    for (std::size_t y = 0; y < extent_.lines; ++y, line += extent_.all, image += extent_.length)
        std::copy_n(image, extent_.length, line);
    return room_.span().data();
}

DirectConvolution::DirectConvolution(const ConvolutionShape& s)
    : shape_(s),
      weight_(s.kernel * s.kernel * s.channels, s.out_channels),
      diff_weight_(weight_.rows(), s.out_channels),
      image_(border_of_windows(s)),
      diff_(border_of_gradient(s)) {
    for (std::size_t tap = 0; tap < s.kernel * s.kernel; ++tap)
        for (std::size_t c = 0; c < s.channels; ++c) window_weight_.push_back(c * s.kernel * s.kernel + tap);
    for (std::size_t down = 0; down < s.stride; ++down)
        for (std::size_t right = 0; right < s.stride; ++right)
            phases_.push_back(phase_of(down, right, steps_covered(s)));
}

/// Pixels at down + a multiple of the stride in the image with its padding, likewise to the right.
DirectConvolution::Phase DirectConvolution::phase_of(std::size_t down, std::size_t right, std::size_t border) const {
    const ConvolutionShape& s = shape_;
    const auto taps = [&](std::size_t from) { return from < s.kernel ? (s.kernel - from - 1) / s.stride + 1 : 0; };
    // The first step of the stride whose pixel is of the image, and the one after the last.
    const auto first = [&](std::size_t from) {
        return from < s.padding ? (s.padding - from + s.stride - 1) / s.stride : 0;
    };
    const auto end = [&](std::size_t from, std::size_t extent) {
        return s.padding + extent > from ? (s.padding + extent - from - 1) / s.stride + 1 : 0;
    };
    const std::size_t y = first(down), x = first(right), taps_down = taps(down), taps_right = taps(right);
    const auto from = [&](std::size_t step, std::size_t count) {
        return step + border + 1 - std::max<std::size_t>(count, 1);
    };
    std::vector<std::size_t> weight;
    for (std::size_t j = taps_down; j-- > 0;)
        for (std::size_t i = taps_right; i-- > 0;)
            for (std::size_t out = 0; out < s.out_channels; ++out)
                weight.push_back((out * s.channels * s.kernel + down + j * s.stride) * s.kernel + right + i * s.stride);
    Panels panels(weight.size(), s.channels);
    return {y * s.stride + down - s.padding,
            x * s.stride + right - s.padding,
            std::max(y, end(down, s.height)) - y,
            std::max(x, end(right, s.width)) - x,
            from(y, taps_down),
            from(x, taps_right),
            taps_down,
            taps_right,
            std::move(weight),
            std::move(panels)};
}

/// Of one image, with its border.
Windows DirectConvolution::windows(const float* x) {
    const ConvolutionShape& s = shape_;
    const std::size_t line = image_.line_step();
    return {image_.around(x), s.out_height(), s.stride * line,      s.out_width(), s.stride * s.channels,
            s.kernel,         line,           s.kernel * s.channels};
}

void DirectConvolution::begin_forward(const float* weight) {
    weight_.gather(weight, window_weight_, shape_.channels * shape_.kernel * shape_.kernel);
}

void DirectConvolution::forward(Matrix<const float> x, Matrix<float> y) {
    const std::size_t line = shape_.out_width() * shape_.out_channels;
    for (std::size_t row = 0; row < x.rows(); ++row)
        multiply(windows(x.row(row).data()), weight_, {y.row(row).data(), line, shape_.out_channels});
}

void DirectConvolution::begin_back_to_input(const float* weight) {
    for (Phase& phase : phases_) phase.panels.gather(weight, phase.weight, shape_.kernel * shape_.kernel);
}

void DirectConvolution::back_to_input(Matrix<const float> diff_y, Matrix<float> diff_x) {
    const ConvolutionShape& s = shape_;
    const std::size_t line = diff_.line_step(), image_line = s.width * s.channels;
    for (std::size_t row = 0; row < diff_y.rows(); ++row) {
        const float* const diff = diff_.around(diff_y.row(row).data());
        for (const Phase& phase : phases_)
            multiply({diff + phase.first_y * line + phase.first_x * s.out_channels, phase.lines, line, phase.places,
                      s.out_channels, phase.taps_down, line, phase.taps * s.out_channels},
                     phase.panels,
                     {diff_x.row(row).data() + phase.line * image_line + phase.place * s.channels,
                      s.stride * image_line, s.stride * s.channels});
    }
}

void DirectConvolution::begin_back_to_weight() { std::ranges::fill(diff_weight_.values(), 0.0F); }

void DirectConvolution::back_to_weight(Matrix<const float> x, Matrix<const float> diff_y) {
    const std::size_t line = shape_.out_width() * shape_.out_channels;
    for (std::size_t row = 0; row < x.rows(); ++row)
        add_transposed_product(windows(x.row(row).data()), {diff_y.row(row).data(), line, shape_.out_channels},
                               diff_weight_);
}

void DirectConvolution::end_back_to_weight(float* diff_weight) const {
    diff_weight_.scatter(diff_weight, window_weight_, shape_.channels * shape_.kernel * shape_.kernel);
}

} // namespace elbo
