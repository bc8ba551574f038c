// Products of windows of channels-last images, read where they lie, with matrices in panels: a convolution is one, its
// gradients are others. A window's line is one run of memory, all channels of neighbouring pixels, so no matrix of
// windows (im2col) is written. Elements are floats, or pairs of BFloat16 whose two products go into one sum: two
// neighbouring channels, or the same element of two images.
#pragma once

#include "base/error.hpp"
#include "numerics/panels.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace elbo {

/// A matrix whose row for place x of line y of an image is `runs` pieces of memory, each of `length` elements:
/// data[image * image_step + y * line_step + x * place_step + run * run_step + i].
template <class T>
struct Windows {
    const T* data;
    std::size_t lines, line_step, places, place_step;
    std::size_t runs, run_step, length;
    std::size_t images = 1, image_step = 0;
    /// Which rows of a matrix they are multiplied by: first_row + run * row_step + i. All, in order, if not given.
    std::size_t first_row = 0, row_step = length;

    std::size_t columns() const { return runs * length; }
};

/// Where the row for place x of line y of an image stands: data + image * image_step + y * line_step + x * place_step.
template <class T>
struct Places {
    T* data;
    std::size_t line_step, place_step, image_step = 0;
};

/// Whether these kernels compute: on one thread, but for bf16 where oneDNN has tiles for it. Otherwise oneDNN's do.
bool direct_kernels_are_for(Precision precision);

/// Whether this CPU has an instruction for products of pairs, and whether it is faster than two of floats: AMD's CPUs
/// begin as many as multiply-adds of floats, Intel's one every second cycle, a quarter.
bool multiplies_pairs();
bool multiplies_pairs_fast();

/// c = a b, [images * lines * places, columns of b], and a bias for each column, if any, which is the sums' first term.
/// An element's bits depend on a row of a and a column of b alone. Pairs want AVX-512, else an Error is thrown.
void multiply(const Windows<float>& a, const Panels<float>& b, Places<float> c, std::span<const float> bias = {});
void multiply(const Windows<BFloat16Pair>& a, const Panels<BFloat16Pair>& b, Places<float> c);
void multiply(const Windows<BFloat16Pair>& a, const Panels<BFloat16Pair>& b, Places<BFloat16> c);

/// Those rows of sum += a^T b, where b's rows, of sum's columns, stand at the same places as a's; added line by line.
/// Of one image, or of one pair of images.
void add_transposed_product(const Windows<float>& a, Places<const float> b, Panels<float>& sum);
void add_transposed_product(const Windows<BFloat16Pair>& a, Places<const BFloat16Pair> b, Panels<float>& sum);

/// pairs[i] = (first[i], second[i])
void interleave(const BFloat16* first, const BFloat16* second, std::span<BFloat16Pair> pairs);

// ---- What both kinds of elements share ----

/// Throws Error where the windows' rows of the matrix are not all there.
template <class T, class U>
void require_rows(const Windows<T>& a, const Panels<U>& b) {
    const std::size_t end = a.runs == 0 ? 0 : a.first_row + (a.runs - 1) * a.row_step + a.length;
    if (end > b.rows() || a.row_step < a.length)
        fail("windows of {} x {} values, from row {} on, do not fit a matrix {} x {}", a.runs, a.length, a.first_row,
             b.rows(), b.columns());
}

/// Tiles are of places: of lines or of images where these are more.
template <class T, class Out>
void lay_along_places(Windows<T>& a, Places<Out>& c) {
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

} // namespace elbo
