// A matrix of floats or of BFloat16s, which of them being known at run time alone: activations and operands of
// products, whose type follows from the configuration.
#pragma once

#include "numerics/bfloat16.hpp"
#include "numerics/view.hpp"

#include <concepts>
#include <stdexcept>
#include <type_traits>

namespace elbo {

template <class T>
concept MatrixElement = std::same_as < std::remove_const_t<T>,
float > || std::same_as<std::remove_const_t<T>, BFloat16>;

template <MatrixElement T>
constexpr Precision precision_of = std::same_as<std::remove_const_t<T>, BFloat16> ? Precision::bf16 : Precision::fp32;

/// Memory: void, or const void where elements are only read.
template <class Memory>
class BasicAnyMatrix {
public:
    template <class T>
    using Element = std::conditional_t<std::is_const_v<Memory>, const T, T>;

    BasicAnyMatrix() = default;
    BasicAnyMatrix(Memory* data, Precision precision, std::size_t rows, std::size_t columns, std::size_t stride)
        : data_(data), precision_(precision), rows_(rows), columns_(columns), stride_(stride) {}
    template <MatrixElement T>
    BasicAnyMatrix(T* data, std::size_t rows, std::size_t columns) : BasicAnyMatrix(Matrix<T>(data, rows, columns)) {}
    /// Any typed matrix reads as one.
    template <MatrixElement T>
        requires(std::is_const_v<Memory> || !std::is_const_v<T>)
    BasicAnyMatrix(Matrix<T> m) : BasicAnyMatrix(m.data(), precision_of<T>, m.rows(), m.columns(), m.stride()) {}
    operator BasicAnyMatrix<const void>() const requires(!std::is_const_v<Memory>) {
        return {data_, precision_, rows_, columns_, stride_};
    }

    Memory* data() const { return data_; }
    Precision precision() const { return precision_; }
    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::size_t stride() const { return stride_; }

    /// As what it is. Throws std::logic_error where it is the other.
    template <MatrixElement T>
    Matrix<Element<T>> as() const {
        if (precision_of<T> != precision_) throw std::logic_error("a matrix of the other precision was expected");
        return {static_cast<Element<T>*>(data_), rows_, columns_, stride_};
    }

    /// call(Matrix<float>) or call(Matrix<BFloat16>), their elements const where they are only read.
    template <class Call>
    decltype(auto) visit(const Call& call) const {
        return precision_ == Precision::bf16 ? call(as<BFloat16>()) : call(as<float>());
    }

    /// Rows, or columns of all rows, [first, first + count).
    BasicAnyMatrix some_rows(std::size_t first, std::size_t count) const {
        return visit([&](auto typed) { return BasicAnyMatrix(typed.some_rows(first, count)); });
    }
    BasicAnyMatrix some_columns(std::size_t first, std::size_t count) const {
        return visit([&](auto typed) { return BasicAnyMatrix(typed.some_columns(first, count)); });
    }

private:
    Memory* data_ = nullptr;
    Precision precision_ = Precision::fp32;
    std::size_t rows_ = 0, columns_ = 0, stride_ = 0;
};

using AnyMatrix = BasicAnyMatrix<void>;
using ConstAnyMatrix = BasicAnyMatrix<const void>;

/// to = from, rounded or widened where their precisions differ. Same shapes; throws Error naming them.
void copy(ConstAnyMatrix from, AnyMatrix to);

/// out = a + b, which may be out itself; summed in float. Same shapes; throws Error naming them.
void add(ConstAnyMatrix a, ConstAnyMatrix b, AnyMatrix out);

} // namespace elbo
