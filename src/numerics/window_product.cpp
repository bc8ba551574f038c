// Tiles of some places by two vectors of columns, whose sums stay in registers: for each element of a run, a vector of
// the panel is multiplied by a number of each place.
#include "numerics/window_product.hpp"

#include "base/error.hpp"
#include "numerics/onednn.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/window_product.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::V;

/// Rows of a tile, as many as there are registers for: of 32, or of 16.
constexpr std::size_t tile_rows = HWY_TARGET <= HWY_AVX3 ? 8 : 6;

std::size_t floats_of_a_vector() { return simd::lanes(); }

/// The columns of a panel: vectors, the last of them cut where the matrix ends within it.
template <std::size_t vector_count, bool is_cut>
struct Columns {
    static constexpr std::size_t vectors = vector_count;
    std::size_t last; ///< of the last vector

    HWY_INLINE V load(const float* from, std::size_t vector) const {
        const std::size_t begin = vector * simd::lanes();
        if (is_cut && vector + 1 == vectors) return simd::Part{begin, last}.load(from);
        return simd::Whole{begin}.load(from);
    }
    HWY_INLINE void store(V v, float* to, std::size_t vector) const {
        const std::size_t begin = vector * simd::lanes();
        if (is_cut && vector + 1 == vectors) return simd::Part{begin, last}.store(v, to);
        simd::Whole{begin}.store(v, to);
    }
};

/// call(first column, first value, columns of the panel) for each panel of so many rows and columns.
template <class Call>
HWY_INLINE void for_each_panel(std::size_t rows, std::size_t columns, const Call& call) {
    const std::size_t lanes = simd::lanes(), width = Panels::widest * lanes;
    for (std::size_t first = 0; first < columns; first += width) {
        const std::size_t left = columns - first, values = first * rows;
        if (left >= width)
            call(first, values, Columns<Panels::widest, false>{lanes});
        else if (left > lanes)
            call(first, values, Columns<Panels::widest, true>{left - lanes});
        else if (left == lanes)
            call(first, values, Columns<1, false>{lanes});
        else
            call(first, values, Columns<1, true>{left});
    }
}

/// call(std::integral_constant(count)) for a count of 1 to the most.
template <std::size_t most = tile_rows, class Call>
HWY_INLINE void with_rows(std::size_t count, const Call& call) {
    if constexpr (most > 1) {
        if (count < most) return with_rows<most - 1>(count, call);
    }
    call(std::integral_constant<std::size_t, most>());
}

/// call(first, constant count) for tiles of almost equal size that make up `count` rows.
template <class Call>
HWY_INLINE void for_each_tile(std::size_t count, const Call& call) {
    const std::size_t tiles = (count + tile_rows - 1) / tile_rows;
    for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::size_t begin = count * tile / tiles, end = count * (tile + 1) / tiles;
        with_rows(end - begin, [&](auto rows) HWY_ATTR { call(begin, rows); });
    }
}

/// v, which the compiler keeps in a register instead of loading it for each use: with two hardware threads on a core a
/// tile is limited by its number of instructions.
HWY_INLINE V in_register(V v) {
#if HWY_TARGET == HWY_AVX2
    asm("" : "+x"(v.raw)); // NOLINT(hicpp-no-assembler): no instruction, an order to the compiler
#endif
    return v;
}

/// Rows of a panel that a turn of the loop multiplies: counting costs instructions too.
constexpr std::size_t rows_of_a_turn = 3;

/// The same for a pointer: so many places follow from one by an address's own multiplication.
constexpr std::size_t places_of_an_origin = 3;

HWY_INLINE const float* in_register(const float* pointer) {
#if HWY_ARCH_X86
    asm("" : "+r"(pointer)); // NOLINT(hicpp-no-assembler)
#endif
    return pointer;
}

/// What sums begin at: for each place a row. Without data, 0.
struct FirstTerms {
    const float* data;
    std::size_t place_step;
};

/// c(place, column) for some places and the columns of a panel, with their first terms. a: the first place's window.
template <std::size_t places, class PanelColumns>
HWY_INLINE void multiply_tile(const Windows& windows, const float* a, const float* panel, PanelColumns columns,
                              FirstTerms first, float* c, std::size_t c_step) {
    constexpr std::size_t vectors = PanelColumns::vectors;
    const std::size_t width = vectors * simd::lanes(), step = windows.place_step;
    V sum[places][vectors];
    for (std::size_t place = 0; place < places; ++place)
        for (std::size_t v = 0; v < vectors; ++v)
            sum[place][v] = first.data ? columns.load(first.data + place * first.place_step, v) : simd::all(0);
    constexpr std::size_t origins = (places + places_of_an_origin - 1) / places_of_an_origin;
    const float* origin[origins];
    const auto multiply_row = [&](std::size_t row) HWY_ATTR {
        V b[vectors];
        for (std::size_t v = 0; v < vectors; ++v)
            b[v] = in_register(simd::Whole{v * simd::lanes()}.load(panel + row * width));
        for (std::size_t place = 0; place < places; ++place) {
            const V x = simd::all(origin[place / places_of_an_origin][place % places_of_an_origin * step + row]);
            for (std::size_t v = 0; v < vectors; ++v) sum[place][v] = hn::MulAdd(x, b[v], sum[place][v]);
        }
    };
    const auto advance = [&](std::size_t rows) HWY_ATTR {
        panel += rows * width;
        for (std::size_t o = 0; o < origins; ++o) origin[o] = in_register(origin[o] + rows);
    };
    for (std::size_t run = 0; run < windows.runs; ++run, a += windows.run_step) {
        for (std::size_t o = 0; o < origins; ++o) origin[o] = in_register(a + o * places_of_an_origin * step);
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
    for (std::size_t place = 0; place < places; ++place)
        for (std::size_t v = 0; v < vectors; ++v) columns.store(sum[place][v], c + place * c_step, v);
}

/// Rows of a panel that stay in the first-level cache while all places are multiplied by them.
constexpr std::size_t rows_at_once = 256;

/// call(part of the windows, its first row in a panel) for parts of so many columns: whole runs, or pieces of one.
template <class Call>
HWY_INLINE void for_each_part(const Windows& windows, const Call& call) {
    if (windows.columns() == 0) return call(windows, 0);
    const std::size_t runs = std::max<std::size_t>(1, rows_at_once / std::max<std::size_t>(1, windows.length));
    for (std::size_t run = 0; run < windows.runs; run += runs)
        for (std::size_t begin = 0; begin < windows.length; begin += rows_at_once) {
            Windows part = windows;
            part.data += run * windows.run_step + begin;
            part.runs = std::min(runs, windows.runs - run);
            part.length = std::min(windows.length - begin, rows_at_once);
            call(part, run * windows.length + begin);
        }
}

/// The product for some lines, panel by panel.
HWY_INLINE void multiply_lines(const Windows& windows, const float* b, std::size_t columns, const float* bias,
                               Places<float> c) {
    for_each_panel(windows.columns(), columns, [&](std::size_t first, std::size_t values, auto panel) HWY_ATTR {
        const std::size_t width = decltype(panel)::vectors * simd::lanes();
        const FirstTerms of_bias{bias ? bias + first : nullptr, 0};
        for_each_part(windows, [&](const Windows& a, std::size_t row) HWY_ATTR {
            for (std::size_t line = 0; line < a.lines; ++line)
                for_each_tile(a.places, [&](std::size_t place, auto places) HWY_ATTR {
                    float* const tile = c.data + line * c.line_step + place * c.place_step + first;
                    multiply_tile<places>(a, a.data + line * a.line_step + place * a.place_step,
                                          b + values + row * width, panel,
                                          row > 0 ? FirstTerms{tile, c.place_step} : of_bias, tile, c.place_step);
                });
        });
    });
}

/// Values of a matrix that stay in the first-level cache as a whole.
constexpr std::size_t few_values = 4096;

void multiply_windows(const Windows& windows, const float* b, std::size_t columns, const float* bias, Places<float> c) {
    if (windows.columns() * columns > few_values) return multiply_lines(windows, b, columns, bias, c);
    // Then a line's result is finished while it lies in the cache too.
    Windows line = windows;
    line.lines = 1;
    for (std::size_t y = 0; y < windows.lines; ++y, line.data += windows.line_step, c.data += c.line_step)
        multiply_lines(line, b, columns, bias, c);
}

/// sum(row, column) for some neighbouring elements of a run, over all places of some lines. a, b: at the first place.
template <std::size_t rows, class PanelColumns>
HWY_INLINE void add_transposed_tile(const Windows& windows, const float* a, Places<const float> b, std::size_t lines,
                                    PanelColumns columns, float* sums) {
    constexpr std::size_t vectors = PanelColumns::vectors;
    V sum[rows][vectors];
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t v = 0; v < vectors; ++v)
            sum[row][v] = simd::Whole{(row * vectors + v) * simd::lanes()}.load(sums);
    for (std::size_t line = 0; line < lines; ++line) {
        const float* x = a + line * windows.line_step;
        const float* y = b.data + line * b.line_step;
        for (std::size_t place = 0; place < windows.places; ++place, x += windows.place_step, y += b.place_step) {
            V of_place[vectors];
            for (std::size_t v = 0; v < vectors; ++v) of_place[v] = columns.load(y, v);
            for (std::size_t row = 0; row < rows; ++row)
                for (std::size_t v = 0; v < vectors; ++v)
                    sum[row][v] = hn::MulAdd(simd::all(x[row]), of_place[v], sum[row][v]);
        }
    }
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t v = 0; v < vectors; ++v)
            simd::Whole{(row * vectors + v) * simd::lanes()}.store(sum[row][v], sums);
}

/// Places whose lines stay in the first-level cache while all tiles of a run go over them.
constexpr std::size_t places_at_once = 128;

void add_transposed(const Windows& a, Places<const float> b, float* sums, std::size_t columns) {
    const std::size_t block = std::max<std::size_t>(1, places_at_once / std::max<std::size_t>(1, a.places));
    for (std::size_t line = 0; line < a.lines; line += block) {
        const std::size_t lines = std::min(block, a.lines - line);
        for_each_panel(a.columns(), columns, [&](std::size_t first, std::size_t values, auto panel) HWY_ATTR {
            const std::size_t width = decltype(panel)::vectors * simd::lanes();
            const Places<const float> y{b.data + line * b.line_step + first, b.line_step, b.place_step};
            for (std::size_t run = 0; run < a.runs; ++run)
                for_each_tile(a.length, [&](std::size_t i, auto rows) HWY_ATTR {
                    add_transposed_tile<rows>(a, a.data + line * a.line_step + run * a.run_step + i, y, lines, panel,
                                              sums + values + (run * a.length + i) * width);
                });
        });
    }
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(floats_of_a_vector);
HWY_EXPORT(multiply_windows);
HWY_EXPORT(add_transposed);

std::size_t lanes() { return HWY_DYNAMIC_DISPATCH(floats_of_a_vector)(); }

void require(const Windows& a, const Panels& b) {
    if (a.columns() != b.rows())
        fail("windows of {} x {} values do not fit a matrix {} x {}", a.runs, a.length, b.rows(), b.columns());
}

} // namespace

Panels::Panels(std::size_t rows, std::size_t columns)
    : rows_(rows), columns_(columns), values_(rows * ((columns + lanes() - 1) / lanes() * lanes())) {}

/// call(row, column, place of its value) for all, in the order of the values.
template <class Call>
void Panels::for_each(const Call& call) const {
    const std::size_t vector = lanes(), full = widest * vector;
    for (std::size_t first = 0, at = 0; first < columns_; first += full) {
        const std::size_t width = columns_ - first > vector ? full : vector;
        for (std::size_t row = 0; row < rows_; ++row, at += width)
            for (std::size_t column = first; column < std::min(first + width, columns_); ++column)
                call(row, column, at + column - first);
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
    HWY_DYNAMIC_DISPATCH(multiply_windows)
    (a, b.values().data(), b.columns(), bias.empty() ? nullptr : bias.data(), c);
}

void add_transposed_product(const Windows& a, Places<const float> b, Panels& sum) {
    require(a, sum);
    HWY_DYNAMIC_DISPATCH(add_transposed)(a, b, sum.values().data(), sum.columns());
}

} // namespace elbo
#endif
