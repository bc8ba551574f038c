// Shapes and two-dimensional views of memory that somebody else owns.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace elbo {

using Shape = std::vector<std::size_t>;

/// Product of the extents; throws Error where it does not fit in 63 bits.
std::size_t elements(const Shape& shape);

/// "60000 x 28 x 28"; "a scalar" where empty.
std::string describe(const Shape& shape);

/// A matrix in row-major order whose rows may stand further apart than their length.
template <class T>
class Matrix {
public:
    Matrix() = default;
    Matrix(T* data, std::size_t rows, std::size_t columns) : Matrix(data, rows, columns, columns) {}
    Matrix(T* data, std::size_t rows, std::size_t columns, std::size_t stride)
        : data_(data), rows_(rows), columns_(columns), stride_(stride) {}

    /// A matrix of values reads as one of const values.
    operator Matrix<const T>() const requires(!std::is_const_v<T>) { return {data_, rows_, columns_, stride_}; }

    T* data() const { return data_; }
    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::size_t stride() const { return stride_; }
    bool contiguous() const { return stride_ == columns_; }

    T& operator()(std::size_t row, std::size_t column) const { return data_[row * stride_ + column]; }
    std::span<T> row(std::size_t row) const { return {data_ + row * stride_, columns_}; }

    /// The first `count` rows; rows and columns [begin, begin + count).
    Matrix first_rows(std::size_t count) const { return {data_, count, columns_, stride_}; }
    Matrix some_rows(std::size_t begin, std::size_t count) const {
        return {data_ + begin * stride_, count, columns_, stride_};
    }
    Matrix some_columns(std::size_t begin, std::size_t count) const { return {data_ + begin, rows_, count, stride_}; }

private:
    T* data_ = nullptr;
    std::size_t rows_ = 0, columns_ = 0, stride_ = 0;
};

} // namespace elbo
