#include "numerics/overlap_add.hpp"

#include "base/error.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/overlap_add.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;

/// to += from, in small vectors: a load waits for an earlier store that it overlaps, though it were only masked lanes.
HWY_INLINE void add(const float* from, std::size_t count, float* to) {
    const simd::hn::CappedTag<float, 4> few;
    const std::size_t lanes = simd::hn::Lanes(few);
    for (; count >= lanes; count -= lanes, from += lanes, to += lanes)
        simd::hn::StoreU(simd::hn::LoadU(few, to) + simd::hn::LoadU(few, from), few, to);
    for (; count > 0; --count) *to++ += *from++;
}

/// image(oy stride + ky - padding, ox stride + kx - padding, c) += windows(oy, ox, ky, kx, c), for all that lie within.
void overlap_add(const ConvolutionShape& s, const float* windows, std::span<float> image) {
    const std::size_t row = s.width * s.channels, line = s.kernel * s.channels, step = s.stride * s.channels;
    const std::size_t lines = s.out_height(), places = s.out_width(), cut = s.padding * s.channels;
    // Neighbours overlap: of those so far apart, none waits for what another has just stored.
    const std::size_t apart = (s.kernel + s.stride - 1) / s.stride;
    std::ranges::fill(image, 0.0f);
    for (std::size_t oy = 0; oy < lines; ++oy, windows += places * s.kernel * line)
        for (std::size_t ky = 0; ky < s.kernel; ++ky) {
            const std::size_t y = oy * s.stride + ky;
            if (y < s.padding || y >= s.height + s.padding) continue;
            float* const to = image.data() + (y - s.padding) * row;
            for (std::size_t pass = 0; pass < apart; ++pass)
                for (std::size_t ox = pass; ox < places; ox += apart) {
                    const float* const from = windows + (ox * s.kernel + ky) * line;
                    const std::size_t at = ox * step;
                    // Of a window's line, [first, end) falls on the image.
                    const std::size_t first = at < cut ? cut - at : 0, end = std::min(line, row + cut - at);
                    if (first < end) add(from + first, end - first, to + at + first - cut);
                }
        }
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
      image_(shape.inputs()),
      weight_(shape.weights()),
      weight_rounded_((shape.weights() + 1) / 2) {
    for (std::size_t out = 0; out < shape.out_channels; ++out) weight_rows_.push_back(out * window());
}

/// From [out channels, channels, kernel, kernel].
void OverlapAdd::arrange(ConstAnyMatrix weight) {
    const std::size_t area = shape_.kernel * shape_.kernel;
    const auto arrange_as = [&](auto from, auto* to) {
        for (std::size_t out = 0; out < shape_.out_channels; ++out)
            for (std::size_t place = 0; place < area; ++place)
                for (std::size_t c = 0; c < shape_.channels; ++c)
                    *to++ = from.data()[(out * shape_.channels + c) * area + place];
    };
    if (weight.precision() == Precision::bf16)
        arrange_as(weight.as<BFloat16>(), reinterpret_cast<BFloat16*>(weight_rounded_.span().data()));
    else
        arrange_as(weight.as<float>(), weight_.span().data());
}

void OverlapAdd::multiply_places(ConstAnyMatrix diff_y, ConstAnyMatrix weight, Matrix<float> windows) {
    if (!direct_kernels_are_for(diff_y.precision())) return product_(diff_y, weight, windows);
    const Matrix<const float> places = diff_y.as<float>();
    multiply({places.data(), 1, 0, places.rows(), places.stride(), 1, 0, places.columns()}, panels_,
             {windows.data(), 0, windows.stride()});
}

void OverlapAdd::operator()(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x) {
    arrange(weight);
    const bool rounded = weight.precision() == Precision::bf16;
    const void* const arranged = rounded ? weight_rounded_.span().data() : weight_.span().data();
    const ConstAnyMatrix b(arranged, weight.precision(), shape_.out_channels, window(), window());
    if (!rounded) panels_.gather(weight_.span().data(), weight_rows_, 1);
    for (std::size_t begin = 0; begin < diff_y.rows(); begin += images_at_once_) {
        const std::size_t images = std::min(images_at_once_, diff_y.rows() - begin);
        const ConstAnyMatrix some = diff_y.some_rows(begin, images);
        multiply_places({some.data(), some.precision(), images * places(), shape_.out_channels, shape_.out_channels}, b,
                        {windows_.span().data(), images * places(), window()});
        for (std::size_t i = 0; i < images; ++i) {
            HWY_DYNAMIC_DISPATCH(overlap_add)
            (shape_, windows_.span().data() + i * places() * window(), image_.span());
            copy(ConstAnyMatrix(image_.span().data(), 1, shape_.inputs()), diff_x.some_rows(begin + i, 1));
        }
    }
}

} // namespace elbo
#endif
