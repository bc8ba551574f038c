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
    : shape_(shape), room_((shape.height + 2 * shape.padding) * line_step()) {}

/// write(line of the image, where it goes within the frame) for all.
template <class T, class Write>
const T* Framed::write_lines(const Write& write) {
    T* const room = reinterpret_cast<T*>(room_.span().data());
    T* line = room + shape_.padding * (line_step() + shape_.channels);
    for (std::size_t y = 0; y < shape_.height; ++y, line += line_step()) write(y, line);
    return room;
}

template <class To, class From>
const To* Framed::around(const From* image) {
    if constexpr (std::same_as<To, From>) {
        if (shape_.padding == 0) return image;
    }
    const std::size_t length = shape_.width * shape_.channels;
    return write_lines<To>([&](std::size_t y, To* to) {
        copy(Matrix<const From>(image + y * length, 1, length), Matrix<To>(to, 1, length));
    });
}

const BFloat16Pair* Framed::around(const BFloat16* first, const BFloat16* second) {
    const std::size_t length = shape_.width * shape_.channels;
    return write_lines<BFloat16Pair>([&](std::size_t y, BFloat16Pair* to) {
        interleave(first + y * length, second + y * length, {to, length});
    });
}

namespace {

/// Bytes of some images that stay in the second-level cache until they have been used.
constexpr std::size_t cached_bytes = 256 << 10;

/// At least a pair.
std::size_t images_for(const ConvolutionShape& s, Precision precision) {
    const std::size_t images = cached_bytes / bytes_of(precision) / std::max(s.inputs(), s.outputs());
    return precision == Precision::bf16 ? std::max<std::size_t>(2, images / 2 * 2) : std::max<std::size_t>(1, images);
}

/// BFloat16s, or floats, in an element.
template <class T>
constexpr std::size_t width_of = std::same_as<T, BFloat16Pair> ? 2 : 1;

/// Images of lines of pixels of so many channels, in elements.
struct Image {
    std::size_t line, channels;
    Image(std::size_t width, std::size_t elements) : line(width * elements), channels(elements) {}
    /// Where a pixel stands: data + offset.
    std::size_t offset(std::ptrdiff_t y, std::ptrdiff_t x) const {
        return static_cast<std::size_t>(y) * line + static_cast<std::size_t>(x) * channels;
    }
};

std::ptrdiff_t signed_of(std::size_t count) { return static_cast<std::ptrdiff_t>(count); }

/// The windows of places (y.first ..., x.first ...), whose kernel begins at pixel (top, left) at the first place of all
/// and moves by `step` from one place to the next.
template <class T>
Windows<T> windows_of(Matrix<const T> images, const Image& image, const Segment& y, const Segment& x,
                      std::ptrdiff_t top, std::ptrdiff_t left, std::size_t step, std::size_t kernel_line) {
    const bool sees_nothing = y.taps == 0 || x.taps == 0;
    const T* const data = sees_nothing ? images.data()
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

DirectConvolution::AnyPanels DirectConvolution::panels_for(std::size_t rows, std::size_t columns, std::size_t channels,
                                                           Factors factors) {
    if (factors == Factors::pairs && channels % 2 == 0) return Panels<BFloat16Pair>(rows / 2, columns);
    return Panels<float>(rows, columns);
}

DirectConvolution::DirectConvolution(const ConvolutionShape& s, Precision precision, Factors factors)
    : shape_(s),
      images_at_once_(images_for(s, precision)),
      weight_(panels_for(s.kernel * s.kernel * s.channels, s.out_channels, s.channels, factors)),
      diff_weight_(s.kernel * s.kernel * s.channels, s.out_channels),
      lines_(segments(s.out_height(), -signed_of(s.padding), s.stride, s.kernel, s.height)),
      places_(segments(s.out_width(), -signed_of(s.padding), s.stride, s.kernel, s.width)),
      framed_(s) {
    for (std::size_t tap = 0; tap < s.kernel * s.kernel; ++tap)
        for (std::size_t c = 0; c < s.channels; ++c) window_weight_.push_back(c * s.kernel * s.kernel + tap);
    for (std::size_t down = 0; down < s.stride; ++down)
        for (std::size_t right = 0; right < s.stride; ++right) phases_.push_back(phase_of(down, right, factors));
    if (factors == Factors::pairs) prepare_pairs();
    const bool all_in_pairs = factors == Factors::pairs && s.channels % 2 == 0 && s.out_channels % 2 == 0;
    if (precision == Precision::fp32 || all_in_pairs) return;
    const std::size_t most = images_at_once_ * std::max(s.inputs(), s.outputs());
    copies_ = {AlignedFloats(most), AlignedFloats(most)};
}

namespace {

/// Whether an image's windows begin at even places of its framed lines, and have even ones.
bool makes_pairs_in_a_frame(const ConvolutionShape& s) {
    const std::size_t line = (s.width + 2 * s.padding) * s.channels;
    return line % 2 == 0 && s.stride * s.channels % 2 == 0 && s.kernel * s.channels % 2 == 0;
}

} // namespace

void DirectConvolution::prepare_pairs() {
    const ConvolutionShape& s = shape_;
    if (s.channels % 2 != 0 && makes_pairs_in_a_frame(s)) {
        framed_in_pairs_.emplace(s);
        weight_ = Panels<BFloat16Pair>(window_weight_.size() / 2, s.out_channels);
    }
    no_image_.resize(std::max(s.inputs(), s.outputs()));
    result_pairs_.resize(s.outputs());
}

/// Pixels at down + a multiple of the stride in the image with its padding, likewise to the right.
DirectConvolution::Phase DirectConvolution::phase_of(std::size_t down, std::size_t right, Factors factors) const {
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
    AnyPanels panels = panels_for(weight.size(), s.channels, s.out_channels, factors);
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

template <class T>
Matrix<const T> DirectConvolution::Copies::elements(ConstAnyMatrix of) {
    if constexpr (std::same_as<T, BFloat16Pair>) {
        const Matrix<const BFloat16> m = of.as<BFloat16>();
        return {reinterpret_cast<const BFloat16Pair*>(m.data()), m.rows(), m.columns() / 2, m.stride() / 2};
    } else {
        if (of.precision() == Precision::fp32) return of.as<float>();
        const Matrix<float> copied(read.span().data(), of.rows(), of.columns());
        copy(of, copied);
        return copied;
    }
}

/// compute(where the result goes): rounded by the kernels of pairs, else afterwards.
template <class T, class Compute>
void DirectConvolution::Copies::compute_to(AnyMatrix result, const Compute& compute) {
    if constexpr (std::same_as<T, BFloat16Pair>) {
        result.visit(compute);
    } else {
        if (result.precision() == Precision::fp32) return compute(result.as<float>());
        const Matrix<float> exact(written.span().data(), result.rows(), result.columns());
        compute(exact);
        copy(exact, result);
    }
}

namespace {

template <class T>
void gather(Panels<T>& panels, ConstAnyMatrix weight, std::span<const std::size_t> first, std::size_t step) {
    if constexpr (std::same_as<T, BFloat16Pair>)
        panels.gather(weight.as<BFloat16>().data(), first, step);
    else
        weight.visit([&](auto values) { panels.gather(values.data(), first, step); });
}

} // namespace

void DirectConvolution::begin_forward(ConstAnyMatrix weight) {
    const std::size_t to_next_channel = shape_.channels * shape_.kernel * shape_.kernel;
    std::visit([&](auto& panels) { gather(panels, weight, window_weight_, to_next_channel); }, weight_);
}

void DirectConvolution::forward_framed(const Panels<BFloat16Pair>& weight, Matrix<const BFloat16> x, AnyMatrix y) {
    y.visit([&](auto results) {
        for (std::size_t row = 0; row < x.rows(); ++row) {
            const BFloat16* const framed = framed_in_pairs_->around<BFloat16>(x.row(row).data());
            multiply(framed_windows(reinterpret_cast<const BFloat16Pair*>(framed), 2), weight,
                     {results.row(row).data(), shape_.out_width() * shape_.out_channels, shape_.out_channels});
        }
    });
}

void DirectConvolution::forward(ConstAnyMatrix x, AnyMatrix y) {
    const ConvolutionShape& s = shape_;
    if (framed_in_pairs_) return forward_framed(std::get<Panels<BFloat16Pair>>(weight_), x.as<BFloat16>(), y);
    const std::ptrdiff_t corner = -signed_of(s.padding);
    const Image of_result{s.out_width(), s.out_channels};
    const auto multiply_all = [&]<class T>(const Panels<T>& weight, Matrix<const T> images, auto results) {
        const Image image{s.width, s.channels / width_of<T>};
        for (const Segment& lines : lines_)
            for (const Segment& places : places_)
                multiply(windows_of(images, image, lines, places, corner, corner, s.stride, s.kernel), weight,
                         {results.data() + of_result.offset(signed_of(lines.first), signed_of(places.first)),
                          of_result.line, of_result.channels, results.stride()});
    };
    std::visit(
        [&]<class T>(const Panels<T>& weight) {
            const Matrix<const T> images = copies_.elements<T>(x);
            copies_.compute_to<T>(y, [&](auto results) { multiply_all(weight, images, results); });
        },
        weight_);
}

void DirectConvolution::begin_back_to_input(ConstAnyMatrix weight) {
    for (Phase& phase : phases_)
        std::visit([&](auto& panels) { gather(panels, weight, phase.weight, shape_.kernel * shape_.kernel); },
                   phase.panels);
}

void DirectConvolution::back_to_input(ConstAnyMatrix diff_y, AnyMatrix diff_x) {
    const ConvolutionShape& s = shape_;
    const Image image{s.width, s.channels};
    const auto multiply_phase = [&]<class T>(const Phase& phase, const Panels<T>& weight, Matrix<const T> results,
                                             auto images) {
        const Image of_result{s.out_width(), s.out_channels / width_of<T>};
        for (const Segment& lines : phase.lines)
            for (const Segment& places : phase.places) {
                const std::size_t y = phase.line + lines.first * s.stride, x = phase.place + places.first * s.stride;
                multiply(windows_of(results, of_result, lines, places, phase.first_y, phase.first_x, 1, phase.taps),
                         weight,
                         {images.data() + y * image.line + x * image.channels, s.stride * image.line,
                          s.stride * image.channels, images.stride()});
            }
    };
    // All phases' panels are of one kind.
    std::visit(
        [&]<class T>(const Panels<T>&) {
            const Matrix<const T> results = copies_.elements<T>(diff_y);
            copies_.compute_to<T>(diff_x, [&](auto images) {
                for (const Phase& phase : phases_)
                    multiply_phase(phase, std::get<Panels<T>>(phase.panels), results, images);
            });
        },
        phases_.front().panels);
}

void DirectConvolution::begin_back_to_weight() { std::ranges::fill(diff_weight_.values(), 0.0F); }

template <class T>
Windows<T> DirectConvolution::framed_windows(const T* framed, std::size_t width) const {
    const std::size_t line = framed_.line_step() / width;
    return {.data = framed,
            .lines = shape_.out_height(),
            .line_step = shape_.stride * line,
            .places = shape_.out_width(),
            .place_step = shape_.stride * shape_.channels / width,
            .runs = shape_.kernel,
            .run_step = line,
            .length = shape_.kernel * shape_.channels / width};
}

void DirectConvolution::add_pairs(Matrix<const BFloat16> x, Matrix<const BFloat16> diff_y) {
    const auto second = [&](Matrix<const BFloat16> rows, std::size_t first) {
        return first + 1 < rows.rows() ? rows.row(first + 1).data() : no_image_.data();
    };
    for (std::size_t row = 0; row < x.rows(); row += 2) {
        interleave(diff_y.row(row).data(), second(diff_y, row), result_pairs_);
        add_transposed_product(framed_windows(framed_.around(x.row(row).data(), second(x, row))),
                               {result_pairs_.data(), shape_.out_width() * shape_.out_channels, shape_.out_channels},
                               diff_weight_);
    }
}

/// With a frame: parts of a kernel would go over all of its gradient as often as the whole does, for fewer places.
void DirectConvolution::back_to_weight(ConstAnyMatrix x, ConstAnyMatrix diff_y) {
    if (!result_pairs_.empty()) return add_pairs(x.as<BFloat16>(), diff_y.as<BFloat16>());
    const Matrix<const float> results = copies_.elements<float>(diff_y);
    x.visit([&](auto images) {
        for (std::size_t row = 0; row < x.rows(); ++row)
            add_transposed_product(
                framed_windows(framed_.around<float>(images.row(row).data())),
                {results.row(row).data(), shape_.out_width() * shape_.out_channels, shape_.out_channels}, diff_weight_);
    });
}

void DirectConvolution::end_back_to_weight(float* diff_weight) const {
    diff_weight_.scatter(diff_weight, window_weight_, shape_.channels * shape_.kernel * shape_.kernel);
}

} // namespace elbo
