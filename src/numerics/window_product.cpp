// Products of windows of floats.
#include "numerics/window_product.hpp"

#include "base/error.hpp"
#include "numerics/onednn.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/window_product.cpp"
#include <hwy/foreach_target.h>

#include "numerics/window_tiles.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {

struct FloatProducts {
    using Element = float;
    using Result = float*;

    static HWY_INLINE V all(const float* x) { return simd::all(*x); }
    static HWY_INLINE V vector(const float* x) { return simd::Whole{0}.load(x); }
    static HWY_INLINE const float* bits(const float* x) { return x; }
    template <class Factor>
    static HWY_INLINE V add(Factor x, V y, V sum) {
        return add_product(x, y, sum);
    }
    template <class PanelColumns>
    static HWY_INLINE void store(PanelColumns columns, V sum, float* to, std::size_t vector) {
        columns.store(sum, to, vector);
    }
};

/// Values of a panel that stay in the first-level cache while all places are multiplied by them.
constexpr std::size_t values_at_once = 5120;

/// call(part of the windows, is it the first) for parts of so many columns at most: whole runs, or pieces of one, of
/// almost equal size.
template <class Call>
HWY_INLINE void for_each_part(const Windows<float>& windows, std::size_t columns, const Call& call) {
    if (windows.columns() <= columns) return call(windows, true);
    const std::size_t runs = std::max<std::size_t>(1, columns / windows.length);
    const std::size_t pieces = (windows.length + columns - 1) / columns;
    for (std::size_t run = 0; run < windows.runs; run += runs)
        for (std::size_t piece = 0; piece < pieces; ++piece) {
            const std::size_t begin = windows.length * piece / pieces, end = windows.length * (piece + 1) / pieces;
            Windows<float> part = windows;
            part.data += run * windows.run_step + begin;
            part.first_row += run * windows.row_step + begin;
            part.runs = std::min(runs, windows.runs - run);
            part.length = end - begin;
            call(part, run == 0 && piece == 0);
        }
}

/// The product, panel by panel, in parts whose sums wait in the result.
HWY_INLINE void multiply_all(const Windows<float>& windows, const PanelValues<float>& b, const float* bias,
                             Places<float> c) {
    for_each_panel(b.rows, b.columns, [&](std::size_t first, std::size_t values, auto panel) HWY_ATTR {
        const std::size_t width = decltype(panel)::vectors * simd::lanes();
        const FirstTerms of_bias{bias ? bias + first : nullptr, 0};
        for_each_part(windows, values_at_once / width, [&](const Windows<float>& a, bool is_first) HWY_ATTR {
            multiply_panel<FloatProducts>(a, b.data + values + a.first_row * width, panel,
                                          Places<float>{c.data + first, c.line_step, c.place_step, c.image_step},
                                          [&](float* tile) HWY_ATTR {
                                              return is_first ? of_bias : FirstTerms{tile, c.place_step};
                                          });
        });
    });
}

void multiply_windows(const Windows<float>& windows, const float* b, std::size_t rows, std::size_t columns,
                      const float* bias, Places<float> c) {
    for_lines(windows, rows * columns, c, [&](const Windows<float>& some, Places<float> of_result) HWY_ATTR {
        multiply_all(some, {b, rows, columns}, bias, of_result);
    });
}

void add_transposed(const Windows<float>& a, Places<const float> b, float* sums, std::size_t rows,
                    std::size_t columns) {
    add_transposed_of<FloatProducts>(a, b, sums, rows, columns);
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(multiply_windows);
HWY_EXPORT(add_transposed);

} // namespace

bool direct_kernels_are_for(Precision precision) {
    if (onednn_threads() > 1) return false;
    return precision == Precision::fp32 || !onednn_has_tiles();
}

void multiply(const Windows<float>& a, const Panels<float>& b, Places<float> c, std::span<const float> bias) {
    require_rows(a, b);
    if (!bias.empty() && bias.size() != b.columns())
        fail("a bias of {} values does not fit {} columns", bias.size(), b.columns());
    Windows<float> windows = a;
    lay_along_places(windows, c);
    HWY_DYNAMIC_DISPATCH(multiply_windows)
    (windows, b.values().data(), b.rows(), b.columns(), bias.empty() ? nullptr : bias.data(), c);
}

void add_transposed_product(const Windows<float>& a, Places<const float> b, Panels<float>& sum) {
    require_rows(a, sum);
    if (a.images != 1) fail("windows of {} images where they are added one by one", a.images);
    HWY_DYNAMIC_DISPATCH(add_transposed)(a, b, sum.values().data(), sum.rows(), sum.columns());
}

} // namespace elbo
#endif
