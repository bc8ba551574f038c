// Tiles of some places by a few vectors of columns, whose sums stay in registers: for each element of a run, the
// vectors of the panel are multiplied by a number of each place.
#include "numerics/window_product.hpp"

#include "base/error.hpp"
#include "numerics/onednn.hpp"

#include <algorithm>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/window_product.cpp"
#include <hwy/foreach_target.h>

#include "numerics/tiles.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::V;

/// Rows of a panel that a turn of the loop multiplies: counting costs instructions too.
constexpr std::size_t rows_of_a_turn = 3;

/// Places that follow from one by an address's own multiplication: of as many one pointer is kept.
constexpr std::size_t places_of_an_origin = 3;

/// What sums begin at: for each place a row. Without data, 0.
struct FirstTerms {
    const float* data;
    std::size_t place_step;
};

/// c(place, column) for some places and the columns of a panel, with their first terms. a: the first place's window.
template <std::size_t places, class PanelColumns>
HWY_NOINLINE void multiply_tile(const Windows& windows, const float* a, const float* panel, PanelColumns columns,
                                FirstTerms first, float* c, std::size_t c_step) {
    constexpr std::size_t vectors = PanelColumns::vectors;
    const std::size_t width = vectors * simd::lanes(), step = windows.place_step;
    V sum[places][vectors];
    ELBO_UNROLL for (std::size_t place = 0; place < places; ++place) {
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) sum[place][v] = simd::all(0);
    }
    if (first.data != nullptr) {
        ELBO_UNROLL for (std::size_t place = 0; place < places; ++place) {
            const float* const from = first.data + place * first.place_step;
            ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) sum[place][v] = columns.load(from, v);
        }
    }
    constexpr std::size_t origins = (places + places_of_an_origin - 1) / places_of_an_origin;
    const float* origin[origins];
    const auto multiply_row = [&](std::size_t row) HWY_ATTR __attribute__((always_inline)) {
        V b[vectors];
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
            b[v] = in_register(simd::Whole{v * simd::lanes()}.load(panel + row * width));
        }
        ELBO_UNROLL for (std::size_t place = 0; place < places; ++place) {
            const V x = simd::all(origin[place / places_of_an_origin][place % places_of_an_origin * step + row]);
            ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
                sum[place][v] = add_product(x, b[v], sum[place][v]);
            }
        }
    };
    const auto advance = [&](std::size_t rows) HWY_ATTR __attribute__((always_inline)) {
        panel += rows * width;
        ELBO_UNROLL for (std::size_t o = 0; o < origins; ++o) { origin[o] = in_register(origin[o] + rows); }
    };
    const std::size_t to_next_run = (windows.row_step - windows.length) * width;
    for (std::size_t run = 0; run < windows.runs; ++run, a += windows.run_step, panel += to_next_run) {
        ELBO_UNROLL for (std::size_t o = 0; o < origins; ++o) {
            origin[o] = in_register(a + o * places_of_an_origin * step);
        }
        std::size_t left = windows.length;
        for (; left >= rows_of_a_turn; left -= rows_of_a_turn) {
            multiply_row(0);
            multiply_row(1);
            multiply_row(2);
            advance(rows_of_a_turn);
        }
        for (; left > 0; --left) {
            multiply_row(0);
            advance(1);
        }
    }
    ELBO_UNROLL for (std::size_t place = 0; place < places; ++place) {
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) { columns.store(sum[place][v], c + place * c_step, v); }
    }
}

/// Values of a panel that stay in the first-level cache while all places are multiplied by them.
constexpr std::size_t values_at_once = 5120;

/// call(part of the windows, is it the first) for parts of so many columns at most: whole runs, or pieces of one, of
/// almost equal size.
template <class Call>
HWY_INLINE void for_each_part(const Windows& windows, std::size_t columns, const Call& call) {
    if (windows.columns() <= columns) return call(windows, true);
    const std::size_t runs = std::max<std::size_t>(1, columns / windows.length);
    const std::size_t pieces = (windows.length + columns - 1) / columns;
    for (std::size_t run = 0; run < windows.runs; run += runs)
        for (std::size_t piece = 0; piece < pieces; ++piece) {
            const std::size_t begin = windows.length * piece / pieces, end = windows.length * (piece + 1) / pieces;
            Windows part = windows;
            part.data += run * windows.run_step + begin;
            part.first_row += run * windows.row_step + begin;
            part.runs = std::min(runs, windows.runs - run);
            part.length = end - begin;
            call(part, run == 0 && piece == 0);
        }
}

/// A matrix in panels, by its values.
struct PanelValues {
    const float* data;
    std::size_t rows, columns;
};

/// The product, panel by panel.
HWY_INLINE void multiply_all(const Windows& windows, const PanelValues& b, const float* bias, Places<float> c) {
    for_each_panel(b.rows, b.columns, [&](std::size_t first, std::size_t values, auto panel) HWY_ATTR {
        constexpr std::size_t vectors = decltype(panel)::vectors;
        const std::size_t width = vectors * simd::lanes();
        const FirstTerms of_bias{bias ? bias + first : nullptr, 0};
        for_each_part(windows, values_at_once / width, [&](const Windows& a, bool is_first) HWY_ATTR {
            const float* const rows = b.data + values + a.first_row * width;
            const auto multiply_line = [&](const float* from, float* to) HWY_ATTR {
                for_each_tile<tile_rows<vectors>>(a.places, [&](std::size_t place, auto places) HWY_ATTR {
                    float* const tile = to + place * c.place_step;
                    multiply_tile<places>(a, from + place * a.place_step, rows, panel,
                                          is_first ? of_bias : FirstTerms{tile, c.place_step}, tile, c.place_step);
                });
            };
            for (std::size_t image = 0; image < a.images; ++image)
                for (std::size_t line = 0; line < a.lines; ++line)
                    multiply_line(a.data + image * a.image_step + line * a.line_step,
                                  c.data + image * c.image_step + line * c.line_step + first);
        });
    });
}

/// Values of a matrix that stay in the first-level cache as a whole.
constexpr std::size_t few_values = 4096;

void multiply_windows(const Windows& windows, const float* b, std::size_t rows, std::size_t columns, const float* bias,
                      Places<float> c) {
    const PanelValues panels{b, rows, columns};
    if (rows * columns > few_values) return multiply_all(windows, panels, bias, c);
    // Then a line's result is finished while it lies in the cache too.
    Windows line = windows;
    line.images = line.lines = 1;
    for (std::size_t image = 0; image < windows.images; ++image)
        for (std::size_t y = 0; y < windows.lines; ++y) {
            line.data = windows.data + image * windows.image_step + y * windows.line_step;
            multiply_all(line, panels, bias, {c.data + image * c.image_step + y * c.line_step, 0, c.place_step});
        }
}

/// sum(row, column) for some neighbouring elements of a run, over all places of some lines. a, b: at the first place.
template <std::size_t rows, class PanelColumns>
HWY_NOINLINE void add_transposed_tile(const Windows& windows, const float* a, Places<const float> b, std::size_t lines,
                                      PanelColumns columns, float* sums) {
    constexpr std::size_t vectors = PanelColumns::vectors;
    V sum[rows][vectors];
    ELBO_UNROLL for (std::size_t row = 0; row < rows; ++row) {
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
            sum[row][v] = simd::Whole{(row * vectors + v) * simd::lanes()}.load(sums);
        }
    }
    for (std::size_t line = 0; line < lines; ++line) {
        const float* x = a + line * windows.line_step;
        const float* y = b.data + line * b.line_step;
        for (std::size_t place = 0; place < windows.places; ++place, x += windows.place_step, y += b.place_step) {
            V of_place[vectors];
            ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) { of_place[v] = columns.load(y, v); }
            ELBO_UNROLL for (std::size_t row = 0; row < rows; ++row) {
                ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
                    sum[row][v] = add_product(simd::all(x[row]), of_place[v], sum[row][v]);
                }
            }
        }
    }
    ELBO_UNROLL for (std::size_t row = 0; row < rows; ++row) {
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
            simd::Whole{(row * vectors + v) * simd::lanes()}.store(sum[row][v], sums);
        }
    }
}

/// Places whose lines stay in the first-level cache while all tiles of a run go over them.
constexpr std::size_t places_at_once = HWY_TARGET <= HWY_AVX3 ? 64 : 128;

void add_transposed(const Windows& a, Places<const float> b, float* sums, std::size_t rows, std::size_t columns) {
    const std::size_t block = std::max<std::size_t>(1, places_at_once / std::max<std::size_t>(1, a.places));
    for (std::size_t line = 0; line < a.lines; line += block) {
        const std::size_t lines = std::min(block, a.lines - line);
        for_each_panel(rows, columns, [&](std::size_t first, std::size_t values, auto panel) HWY_ATTR {
            constexpr std::size_t vectors = decltype(panel)::vectors;
            const std::size_t width = vectors * simd::lanes();
            const Places<const float> y{b.data + line * b.line_step + first, b.line_step, b.place_step};
            for (std::size_t run = 0; run < a.runs; ++run)
                for_each_tile<tile_rows<vectors>>(a.length, [&](std::size_t i, auto tile) HWY_ATTR {
                    add_transposed_tile<tile>(a, a.data + line * a.line_step + run * a.run_step + i, y, lines, panel,
                                              sums + values + (a.first_row + run * a.row_step + i) * width);
                });
        });
    }
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(panel_width);
HWY_EXPORT(multiply_windows);
HWY_EXPORT(add_transposed);

std::size_t width_of_panels(std::size_t columns) {
    std::size_t width = 0;
    while (width < columns) width += HWY_DYNAMIC_DISPATCH(panel_width)(columns - width);
    return width;
}

void require(const Windows& a, const Panels& b) {
    const std::size_t end = a.runs == 0 ? 0 : a.first_row + (a.runs - 1) * a.row_step + a.length;
    if (end > b.rows() || a.row_step < a.length)
        fail("windows of {} x {} values, from row {} on, do not fit a matrix {} x {}", a.runs, a.length, a.first_row,
             b.rows(), b.columns());
}

/// Tiles are of places: of lines or of images where these are more.
void lay_along_places(Windows& a, Places<float>& c) {
    constexpr std::size_t enough = 8, few = 4;
    if (a.places < enough && a.lines > a.places) {
        std::swap(a.lines, a.places);
        std::swap(a.line_step, a.place_step);
        std::swap(c.line_step, c.place_step);
    }
    if (a.places < few && a.images > a.places) {
        std::swap(a.images, a.places);
        std::swap(a.image_step, a.place_step);
        std::swap(c.image_step, c.place_step);
    }
}

} // namespace

Panels::Panels(std::size_t rows, std::size_t columns)
    : rows_(rows), columns_(columns), values_(rows * width_of_panels(columns)) {}

/// call(row, column, place of its value) for all, in the order of the values.
template <class Call>
void Panels::for_each(const Call& call) const {
    for (std::size_t first = 0, at = 0; first < columns_;) {
        const std::size_t width = HWY_DYNAMIC_DISPATCH(panel_width)(columns_ - first);
        for (std::size_t row = 0; row < rows_; ++row, at += width)
            for (std::size_t column = first; column < std::min(first + width, columns_); ++column)
                call(row, column, at + column - first);
        first += width;
    }
}

void Panels::gather(const float* from, std::span<const std::size_t> first, std::size_t step) {
    for_each([&, to = values_.span().data()](std::size_t row, std::size_t column, std::size_t at) {
        to[at] = from[first[row] + column * step];
    });
}

void Panels::scatter(float* to, std::span<const std::size_t> first, std::size_t step) const {
    for_each([&, from = values_.span().data()](std::size_t row, std::size_t column, std::size_t at) {
        to[first[row] + column * step] = from[at];
    });
}

bool direct_kernels_are_for(Precision precision) { return precision == Precision::fp32 && onednn_threads() <= 1; }

void multiply(const Windows& a, const Panels& b, Places<float> c, std::span<const float> bias) {
    require(a, b);
    if (!bias.empty() && bias.size() != b.columns())
        fail("a bias of {} values does not fit {} columns", bias.size(), b.columns());
    Windows windows = a;
    lay_along_places(windows, c);
    HWY_DYNAMIC_DISPATCH(multiply_windows)
    (windows, b.values().data(), b.rows(), b.columns(), bias.empty() ? nullptr : bias.data(), c);
}

void add_transposed_product(const Windows& a, Places<const float> b, Panels& sum) {
    require(a, sum);
    if (a.images != 1) fail("windows of {} images where they are added one by one", a.images);
    HWY_DYNAMIC_DISPATCH(add_transposed)(a, b, sum.values().data(), sum.rows(), sum.columns());
}

} // namespace elbo
#endif
