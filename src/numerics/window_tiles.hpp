// Products of windows by tiles of some places and a few vectors of columns, whose sums stay in registers: for each
// element of a run, the vectors of the panel are multiplied by an element of each place. Of files with kernels, which
// are read once for each target: not #pragma once.
#include "numerics/tiles.hpp"
#include "numerics/window_product.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {

/// Rows of a panel that a turn of the loop multiplies: counting costs instructions too.
constexpr std::size_t rows_of_a_turn = 3;

/// Places that follow from one by an address's own multiplication: of as many one pointer is kept.
constexpr std::size_t places_of_an_origin = 3;

/// One of so many rows of a tile is multiplied from memory, read once for each vector: this saves an instruction, of
/// which the two hardware threads of a core begin four a cycle together, and costs loads, of which they begin two. It
/// is the first place of an origin, as an address with an index is an instruction again.
constexpr std::size_t rows_of_a_reading = places_of_an_origin;

/// What sums begin at: for each place a row. Without data, 0.
struct FirstTerms {
    const float* data = nullptr;
    std::size_t place_step = 0;
};

// Products below says what is multiplied: its Element takes as much memory as a float; all() has one in every lane;
// vector() are a panel's; add() adds to a sum the products of a vector with another, or with an element that it reads
// itself. A Result is where sums are stored.

/// sum[v] += x b[v] in row `row` of a tile.
template <class Products, std::size_t vectors, class Element = typename Products::Element>
HWY_INLINE void add_row(std::size_t row, const Element* x, const V (&b)[vectors], V (&sum)[vectors]) {
    const auto add = [&](auto factor) HWY_ATTR __attribute__((always_inline)) {
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) sum[v] = Products::add(factor, b[v], sum[v]);
    };
    if (row % rows_of_a_reading == 0)
        add(x);
    else
        add(Products::all(x));
}

/// c(place, column) for some places and the columns of a panel, with their first terms. a: the first place's window.
template <class Products, std::size_t places, class PanelColumns, class Element = typename Products::Element>
HWY_NOINLINE void multiply_tile(const Windows<Element>& windows, const Element* a, const Element* panel,
                                PanelColumns columns, FirstTerms first, typename Products::Result c,
                                std::size_t c_step) {
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
    const Element* origin[origins];
    const auto multiply_row = [&](std::size_t row) HWY_ATTR __attribute__((always_inline)) {
        V b[vectors];
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
            b[v] = in_register(Products::vector(panel + row * width + v * simd::lanes()));
        }
        ELBO_UNROLL for (std::size_t place = 0; place < places; ++place) {
            const Element* const x = origin[place / places_of_an_origin] + place % places_of_an_origin * step + row;
            add_row<Products>(place, x, b, sum[place]);
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
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
            Products::store(columns, sum[place][v], c + place * c_step, v);
        }
    }
}

/// A matrix in panels, by its values.
template <class Element>
struct PanelValues {
    const Element* data;
    std::size_t rows, columns;
};

/// multiply_tile() for all places and the panel whose rows begin there: those of the windows' first run.
/// first_of(tile's place in c): what its sums begin at.
template <class Products, class Element, class Out, class PanelColumns, class FirstOf>
HWY_INLINE void multiply_panel(const Windows<Element>& a, const Element* rows, PanelColumns panel, Places<Out> c,
                               const FirstOf& first_of) {
    const auto multiply_line = [&](const Element* from, Out* to) HWY_ATTR {
        for_each_tile<tile_rows<PanelColumns::vectors>>(a.places, [&](std::size_t place, auto places) HWY_ATTR {
            Out* const tile = to + place * c.place_step;
            multiply_tile<Products, places>(a, from + place * a.place_step, rows, panel, first_of(tile),
                                            typename Products::Result(tile), c.place_step);
        });
    };
    for (std::size_t image = 0; image < a.images; ++image)
        for (std::size_t line = 0; line < a.lines; ++line)
            multiply_line(a.data + image * a.image_step + line * a.line_step,
                          c.data + image * c.image_step + line * c.line_step);
}

/// Values of a matrix that stay in the first-level cache as a whole.
constexpr std::size_t few_values = 4096;

/// call(windows, c), or one line after the other where so small a matrix allows it: then a line's result is finished
/// while it lies in the cache too.
template <class Element, class Out, class Call>
HWY_INLINE void for_lines(const Windows<Element>& windows, std::size_t values, Places<Out> c, const Call& call) {
    if (values > few_values) return call(windows, c);
    Windows<Element> line = windows;
    line.images = line.lines = 1;
    for (std::size_t image = 0; image < windows.images; ++image)
        for (std::size_t y = 0; y < windows.lines; ++y) {
            line.data = windows.data + image * windows.image_step + y * windows.line_step;
            call(line, Places<Out>{c.data + image * c.image_step + y * c.line_step, 0, c.place_step});
        }
}

/// sum(row, column) for some neighbouring elements of a run, over all places of some lines. a, b: at the first place.
template <class Products, std::size_t rows, class PanelColumns, class Element = typename Products::Element>
HWY_NOINLINE void add_transposed_tile(const Windows<Element>& windows, const Element* a, Places<const Element> b,
                                      std::size_t lines, PanelColumns columns, float* sums) {
    constexpr std::size_t vectors = PanelColumns::vectors;
    V sum[rows][vectors];
    ELBO_UNROLL for (std::size_t row = 0; row < rows; ++row) {
        ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) {
            sum[row][v] = simd::Whole{(row * vectors + v) * simd::lanes()}.load(sums);
        }
    }
    for (std::size_t line = 0; line < lines; ++line) {
        const Element* x = a + line * windows.line_step;
        const Element* y = b.data + line * b.line_step;
        for (std::size_t place = 0; place < windows.places; ++place, x += windows.place_step, y += b.place_step) {
            V of_place[vectors];
            ELBO_UNROLL for (std::size_t v = 0; v < vectors; ++v) { of_place[v] = columns.load(Products::bits(y), v); }
            ELBO_UNROLL for (std::size_t row = 0; row < rows; ++row)
                add_row<Products>(row, x + row, of_place, sum[row]);
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

template <class Products, class Element = typename Products::Element>
HWY_INLINE void add_transposed_of(const Windows<Element>& a, Places<const Element> b, float* sums, std::size_t rows,
                                  std::size_t columns) {
    const std::size_t block = std::max<std::size_t>(1, places_at_once / std::max<std::size_t>(1, a.places));
    for (std::size_t line = 0; line < a.lines; line += block) {
        const std::size_t lines = std::min(block, a.lines - line);
        for_each_panel(rows, columns, [&](std::size_t first, std::size_t values, auto panel) HWY_ATTR {
            constexpr std::size_t vectors = decltype(panel)::vectors;
            const std::size_t width = vectors * simd::lanes();
            const Places<const Element> y{b.data + line * b.line_step + first, b.line_step, b.place_step};
            for (std::size_t run = 0; run < a.runs; ++run)
                for_each_tile<tile_rows<vectors>>(a.length, [&](std::size_t i, auto tile) HWY_ATTR {
                    add_transposed_tile<Products, tile>(a, a.data + line * a.line_step + run * a.run_step + i, y, lines,
                                                        panel,
                                                        sums + values + (a.first_row + run * a.row_step + i) * width);
                });
        });
    }
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
