// Matrices as kernels that keep their sums in registers read them: in panels of a few vectors of columns.
#pragma once

#include "numerics/bfloat16.hpp"
#include "numerics/memory.hpp"

#include <concepts>
#include <cstddef>
#include <span>

namespace elbo {

/// A matrix [rows, columns] in panels of columns, as many as a kernel keeps in registers; filled up with zeros. T:
/// float, or BFloat16Pair, of which each row holds two of the matrix that is gathered.
template <class T>
class Panels {
    static_assert(sizeof(T) == sizeof(float));
    static constexpr bool of_pairs = std::same_as<T, BFloat16Pair>;

public:
    Panels(std::size_t rows, std::size_t columns);
    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::span<T> values() { return {reinterpret_cast<T*>(memory_.span().data()), memory_.span().size()}; }
    std::span<const T> values() const {
        return {reinterpret_cast<const T*>(memory_.span().data()), memory_.span().size()};
    }

    /// (row, column) = from[first[row] + column * step]; of pairs, rows 2 row and 2 row + 1 of what is gathered.
    template <class From>
    void gather(const From* from, std::span<const std::size_t> first, std::size_t step);
    /// Of floats: to[first[row] + column * step] = (row, column)
    void scatter(float* to, std::span<const std::size_t> first, std::size_t step) const;

private:
    template <class Call>
    void for_each(const Call& call) const;

    std::size_t rows_, columns_;
    AlignedFloats memory_;
};

} // namespace elbo
