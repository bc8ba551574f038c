#include "numerics/overlap_add.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/overlap_add.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;

using Few = simd::hn::CappedTag<float, 4>;

/// Lines of `length` floats, spread out: to[i * step] += from[i * distance], for so many. In small vectors: a load
/// waits for an earlier store that it overlaps, though it were only masked lanes.
HWY_INLINE void add_lines(std::size_t length, const float* from, std::size_t distance, float* to, std::size_t step,
                          std::size_t count) {
    const std::size_t lanes = simd::hn::Lanes(Few()), whole = length / lanes * lanes;
    for (std::size_t i = 0; i < count; ++i, from += distance, to += step) {
        for (std::size_t at = 0; at < whole; at += lanes)
            simd::hn::StoreU(simd::hn::LoadU(Few(), to + at) + simd::hn::LoadU(Few(), from + at), Few(), to + at);
        for (std::size_t at = whole; at < length; ++at) to[at] += from[at];
    }
}

/// framed(oy stride + ky, ox stride + kx, c) = the sum of all windows(oy, ox, ky, kx, c) there. The image with its
/// padding, which takes what falls beside it.
void overlap_add(const ConvolutionShape& s, const float* windows, std::span<float> framed) {
    const std::size_t row = (s.width + 2 * s.padding) * s.channels, line = s.kernel * s.channels;
    const std::size_t window = s.kernel * line, step = s.stride * s.channels;
    const std::size_t lines = s.out_height(), places = s.out_width();
    // Neighbours overlap: of those so far apart, and of the kernel's lines, none waits for what another has just
    // stored.
    const std::size_t apart = std::min((s.kernel + s.stride - 1) / s.stride, places);
    // The usual lengths as constants: one channel and three.
    const auto add = [line](auto... of_lines) HWY_ATTR {
        if (line == 4) return add_lines(4, of_lines...);
        if (line == 12) return add_lines(12, of_lines...);
        add_lines(line, of_lines...);
    };
    std::ranges::fill(framed, 0.0f);
    for (std::size_t oy = 0; oy < lines; ++oy, windows += places * window)
        for (std::size_t first = 0; first < apart; ++first)
            for (std::size_t ky = 0; ky < s.kernel; ++ky)
                add(windows + first * window + ky * line, apart * window,
                    framed.data() + (oy * s.stride + ky) * row + first * step, apart * step,
                    (places - first + apart - 1) / apart);
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(overlap_add);

constexpr std::size_t most_channels = 8, cached_floats = 64 << 10;

} // namespace

bool OverlapAdd::suits(const ConvolutionShape& shape) { return shape.channels <= most_channels; }

OverlapAdd::OverlapAdd(const ConvolutionShape& shape)
    : shape_(shape),
      panels_(shape.out_channels, window()),
      images_at_once_(std::max<std::size_t>(1, cached_floats / (places() * window()))),
      windows_(images_at_once_ * places() * window()),
      framed_((shape.height + 2 * shape.padding) * framed_line()),
      weight_(shape.weights()),
      weight_rounded_((shape.weights() + 1) / 2) {
    if (multiplies_pairs_fast() && shape.out_channels % 2 == 0) pairs_.emplace(shape.out_channels / 2, window());
    for (std::size_t out = 0; out < shape.out_channels; ++out) weight_rows_.push_back(out * window());
}

/// From [out channels, channels, kernel, kernel].
ConstAnyMatrix OverlapAdd::arranged(ConstAnyMatrix weight) {
    const std::size_t area = shape_.kernel * shape_.kernel;
    const auto arrange_as = [&](auto from, auto* const first) -> ConstAnyMatrix {
        auto* to = first;
        for (std::size_t out = 0; out < shape_.out_channels; ++out)
            for (std::size_t place = 0; place < area; ++place)
                for (std::size_t c = 0; c < shape_.channels; ++c)
                    *to++ = from.data()[(out * shape_.channels + c) * area + place];
        return Matrix(first, shape_.out_channels, window());
    };
    if (weight.precision() == Precision::bf16)
        return arrange_as(weight.as<BFloat16>(), reinterpret_cast<BFloat16*>(weight_rounded_.span().data()));
    return arrange_as(weight.as<float>(), weight_.span().data());
}

/// Panels for elbo's own kernels.
void OverlapAdd::gather(ConstAnyMatrix weight) {
    if (weight.precision() == Precision::bf16 && pairs_)
        pairs_->gather(weight.as<BFloat16>().data(), weight_rows_, 1);
    else
        weight.visit([&](auto values) { panels_.gather(values.data(), weight_rows_, 1); });
}

void OverlapAdd::multiply_places(ConstAnyMatrix diff_y, Matrix<float> windows) {
    const Places<float> result{windows.data(), 0, windows.stride()};
    const auto rows_of = [&]<class T>(const T* data, std::size_t elements) {
        return Windows<T>{data, 1, 0, diff_y.rows(), elements, 1, 0, elements};
    };
    if (diff_y.precision() == Precision::fp32)
        return multiply(rows_of(diff_y.as<float>().data(), diff_y.columns()), panels_, result);
    if (pairs_)
        return multiply(rows_of(reinterpret_cast<const BFloat16Pair*>(diff_y.data()), diff_y.columns() / 2), *pairs_,
                        result);
    if (widened_.span().empty()) widened_ = AlignedFloats(images_at_once_ * places() * shape_.out_channels);
    copy(diff_y, Matrix<float>(widened_.span().data(), diff_y.rows(), diff_y.columns()));
    multiply(rows_of(std::as_const(widened_).span().data(), diff_y.columns()), panels_, result);
}

void OverlapAdd::operator()(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x) {
    const bool own = direct_kernels_are_for(diff_y.precision());
    const ConstAnyMatrix b = arranged(weight);
    if (own) gather(b);
    for (std::size_t begin = 0; begin < diff_y.rows(); begin += images_at_once_) {
        const std::size_t images = std::min(images_at_once_, diff_y.rows() - begin);
        const ConstAnyMatrix some = diff_y.some_rows(begin, images);
        const ConstAnyMatrix of_places(some.data(), some.precision(), images * places(), shape_.out_channels,
                                       shape_.out_channels);
        const Matrix<float> windows(windows_.span().data(), images * places(), window());
        if (own)
            multiply_places(of_places, windows);
        else
            product_(of_places, b, windows);
        for (std::size_t i = 0; i < images; ++i) {
            HWY_DYNAMIC_DISPATCH(overlap_add)(shape_, windows.row(i * places()).data(), framed_.span());
            copy_image(diff_x.some_rows(begin + i, 1));
        }
    }
}

/// The framed image's, without the frame.
void OverlapAdd::copy_image(AnyMatrix to) const {
    const std::size_t line = shape_.width * shape_.channels;
    const float* const first = framed_.span().data() + shape_.padding * (framed_line() + shape_.channels);
    copy(Matrix<const float>(first, shape_.height, line, framed_line()),
         {to.data(), to.precision(), shape_.height, line, line});
}

} // namespace elbo
#endif
