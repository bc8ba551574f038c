// A convolution multiplies windows of the image by the weights. The gradient by the image does so with windows of the
// result's gradient, once for each phase of the stride (a transposed convolution is a convolution of its phases).
#include "numerics/direct_convolution.hpp"

#include <algorithm>

namespace elbo {

std::vector<Segment> segments(std::size_t places, std::ptrdiff_t start, std::size_t step, std::size_t kernel,
                              std::size_t extent) {
    std::vector<Segment> found;
    for (std::size_t place = 0; place < places; ++place) {
        const std::ptrdiff_t at = start + static_cast<std::ptrdiff_t>(place * step);
        const auto within = [&](std::size_t pixel) {
            return static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(pixel) - at, 0,
                                                                       static_cast<std::ptrdiff_t>(kernel)));
        };
        const std::size_t tap = within(0), taps = within(extent) - tap;
        if (found.empty() || found.back().tap != tap || found.back().taps != taps)
            found.push_back({place, 0, tap, taps});
        ++found.back().count;
    }
    return found;
}

Framed::Framed(const ConvolutionShape& shape)
    : shape_(shape), room_(shape.padding > 0 ? (shape.height + 2 * shape.padding) * line_step() : 0) {}

const float* Framed::around(const float* image) {
    if (shape_.padding == 0) return image;
    const std::size_t length = shape_.width * shape_.channels;
    float* line = room_.span().data() + shape_.padding * (line_step() + shape_.channels);
    for (std::size_t y = 0; y < shape_.height; ++y, line += line_step(), image += length)
        std::copy_n(image, length, line);
    return room_.span().data();
}

namespace {

/// Floats of some images that stay in the second-level cache until they have been used.
constexpr std::size_t cached_floats = 64 << 10;

/// Images of lines of pixels of so many channels.
struct Image {
    std::size_t line, channels;
    /// Where a pixel stands: data + offset.
    std::size_t offset(std::ptrdiff_t y, std::ptrdiff_t x) const {
        return static_cast<std::size_t>(y) * line + static_cast<std::size_t>(x) * channels;
    }
};

std::ptrdiff_t signed_of(std::size_t count) { return static_cast<std::ptrdiff_t>(count); }

/// The windows of places (y.first ..., x.first ...), whose kernel begins at pixel (top, left) at the first place of all
/// and moves by `step` from one place to the next.
Windows windows_of(Matrix<const float> images, const Image& image, const Segment& y, const Segment& x,
                   std::ptrdiff_t top, std::ptrdiff_t left, std::size_t step, std::size_t kernel_line) {
    const bool sees_nothing = y.taps == 0 || x.taps == 0;
    const float* const data = sees_nothing ? images.data()
                                           : images.data() + image.offset(top + signed_of(y.first * step + y.tap),
                                                                          left + signed_of(x.first * step + x.tap));
    return {.data = data,
            .lines = y.count,
            .line_step = step * image.line,
            .places = x.count,
            .place_step = step * image.channels,
            .runs = sees_nothing ? 0 : y.taps,
            .run_step = image.line,
            .length = x.taps * image.channels,
            .images = images.rows(),
            .image_step = images.stride(),
            .first_row = (y.tap * kernel_line + x.tap) * image.channels,
            .row_step = kernel_line * image.channels};
}

} // namespace

DirectConvolution::DirectConvolution(const ConvolutionShape& s)
    : shape_(s),
      images_at_once_(std::max<std::size_t>(1, cached_floats / std::max(s.inputs(), s.outputs()))),
      weight_(s.kernel * s.kernel * s.channels, s.out_channels),
      diff_weight_(weight_.rows(), s.out_channels),
      lines_(segments(s.out_height(), -signed_of(s.padding), s.stride, s.kernel, s.height)),
      places_(segments(s.out_width(), -signed_of(s.padding), s.stride, s.kernel, s.width)),
      framed_(s) {
    for (std::size_t tap = 0; tap < s.kernel * s.kernel; ++tap)
        for (std::size_t c = 0; c < s.channels; ++c) window_weight_.push_back(c * s.kernel * s.kernel + tap);
    for (std::size_t down = 0; down < s.stride; ++down)
        for (std::size_t right = 0; right < s.stride; ++right) phases_.push_back(phase_of(down, right));
}

/// Pixels at down + a multiple of the stride in the image with its padding, likewise to the right.
DirectConvolution::Phase DirectConvolution::phase_of(std::size_t down, std::size_t right) const {
    const ConvolutionShape& s = shape_;
    const auto taps = [&](std::size_t from) { return from < s.kernel ? (s.kernel - from - 1) / s.stride + 1 : 0; };
    // The first step of the stride whose pixel is of the image, and the one after the last.
    const auto first = [&](std::size_t from) {
        return from < s.padding ? (s.padding - from + s.stride - 1) / s.stride : 0;
    };
    const auto end = [&](std::size_t from, std::size_t extent) {
        return s.padding + extent > from ? (s.padding + extent - from - 1) / s.stride + 1 : 0;
    };
    // The pixel of a step sees this step's place of the result and those before it.
    const auto sees = [&](std::size_t step, std::size_t count) { return signed_of(step) + 1 - signed_of(count); };
    const std::size_t y = first(down), x = first(right), taps_down = taps(down), taps_right = taps(right);
    const std::size_t lines = std::max(y, end(down, s.height)) - y, places = std::max(x, end(right, s.width)) - x;
    std::vector<std::size_t> weight;
    for (std::size_t j = taps_down; j-- > 0;)
        for (std::size_t i = taps_right; i-- > 0;)
            for (std::size_t out = 0; out < s.out_channels; ++out)
                weight.push_back((out * s.channels * s.kernel + down + j * s.stride) * s.kernel + right + i * s.stride);
    Panels panels(weight.size(), s.channels);
    return {y * s.stride + down - s.padding,
            x * s.stride + right - s.padding,
            sees(y, taps_down),
            sees(x, taps_right),
            segments(lines, sees(y, taps_down), 1, taps_down, s.out_height()),
            segments(places, sees(x, taps_right), 1, taps_right, s.out_width()),
            taps_right,
            std::move(weight),
            std::move(panels)};
}

void DirectConvolution::begin_forward(const float* weight) {
    weight_.gather(weight, window_weight_, shape_.channels * shape_.kernel * shape_.kernel);
}

void DirectConvolution::forward(Matrix<const float> x, Matrix<float> y) {
    const ConvolutionShape& s = shape_;
    const Image image{s.width * s.channels, s.channels}, of_result{s.out_width() * s.out_channels, s.out_channels};
    const std::ptrdiff_t corner = -signed_of(s.padding);
    for (const Segment& lines : lines_)
        for (const Segment& places : places_)
            multiply(windows_of(x, image, lines, places, corner, corner, s.stride, s.kernel), weight_,
                     {y.data() + of_result.offset(signed_of(lines.first), signed_of(places.first)), of_result.line,
                      of_result.channels, y.stride()});
}

void DirectConvolution::begin_back_to_input(const float* weight) {
    for (Phase& phase : phases_) phase.panels.gather(weight, phase.weight, shape_.kernel * shape_.kernel);
}

void DirectConvolution::back_to_input(Matrix<const float> diff_y, Matrix<float> diff_x) {
    const ConvolutionShape& s = shape_;
    const Image of_result{s.out_width() * s.out_channels, s.out_channels}, image{s.width * s.channels, s.channels};
    for (const Phase& phase : phases_)
        for (const Segment& lines : phase.lines)
            for (const Segment& places : phase.places) {
                const std::size_t y = phase.line + lines.first * s.stride, x = phase.place + places.first * s.stride;
                multiply(windows_of(diff_y, of_result, lines, places, phase.first_y, phase.first_x, 1, phase.taps),
                         phase.panels,
                         {diff_x.data() + y * image.line + x * image.channels, s.stride * image.line,
                          s.stride * image.channels, diff_x.stride()});
            }
}

void DirectConvolution::begin_back_to_weight() { std::ranges::fill(diff_weight_.values(), 0.0F); }

/// With a frame: parts of a kernel would go over all of its gradient as often as the whole does, for fewer places.
void DirectConvolution::back_to_weight(Matrix<const float> x, Matrix<const float> diff_y) {
    const ConvolutionShape& s = shape_;
    const std::size_t line = framed_.line_step();
    for (std::size_t row = 0; row < x.rows(); ++row)
        add_transposed_product({.data = framed_.around(x.row(row).data()),
                                .lines = s.out_height(),
                                .line_step = s.stride * line,
                                .places = s.out_width(),
                                .place_step = s.stride * s.channels,
                                .runs = s.kernel,
                                .run_step = line,
                                .length = s.kernel * s.channels},
                               {diff_y.row(row).data(), s.out_width() * s.out_channels, s.out_channels}, diff_weight_);
}

void DirectConvolution::end_back_to_weight(float* diff_weight) const {
    diff_weight_.scatter(diff_weight, window_weight_, shape_.channels * shape_.kernel * shape_.kernel);
}

} // namespace elbo
