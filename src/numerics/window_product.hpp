// Products of windows of channels-last images, read where they lie, with matrices in panels: a convolution is one, its
// gradients are others. A window's line is one run of memory, all channels of neighbouring pixels, so no matrix of
// windows (im2col) is written.
#pragma once

#include "numerics/memory.hpp"

#include <cstddef>
#include <span>

namespace elbo {

/// A matrix whose row for place x of line y of an image is `runs` pieces of memory, each of `length` floats:
/// data[image * image_step + y * line_step + x * place_step + run * run_step + i].
struct Windows {
    const float* data;
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

/// A matrix [rows, columns] in panels of columns, as many as a kernel keeps in registers; filled up with zeros.
class Panels {
public:
    Panels(std::size_t rows, std::size_t columns);
    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::span<float> values() { return values_.span(); }
    std::span<const float> values() const { return values_.span(); }

    /// (row, column) = from[first[row] + column * step]
    void gather(const float* from, std::span<const std::size_t> first, std::size_t step);
    /// to[first[row] + column * step] = (row, column)
    void scatter(float* to, std::span<const std::size_t> first, std::size_t step) const;

private:
    template <class Call>
    void for_each(const Call& call) const;

    std::size_t rows_, columns_;
    AlignedFloats values_;
};

/// Whether these kernels compute: in float, on one thread. Otherwise oneDNN's do.
bool direct_kernels_are_for(Precision precision);

/// c = a b, [images * lines * places, columns of b], and a bias for each column, if any, which is the sums' first term.
/// An element's bits depend on a row of a and a column of b alone.
void multiply(const Windows& a, const Panels& b, Places<float> c, std::span<const float> bias = {});

/// Those rows of sum += a^T b, where b's rows, of sum's columns, stand at the same places as a's; added line by line.
/// Of one image.
void add_transposed_product(const Windows& a, Places<const float> b, Panels& sum);

} // namespace elbo
