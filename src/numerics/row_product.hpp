// Products of few rows with a transposed matrix: what a dense layer computes for a small batch.
#pragma once

#include "numerics/view.hpp"

#include <span>

namespace elbo {

/// Rows up to which product_of_rows() is the faster way for sums over k; 0 on CPUs without vectors of 512 bits.
/// Measured by bench_kernels.
std::size_t few_rows(std::size_t k);

/// c[m, n] = a[m, k] b[n, k]^T (+ bias[n] to every row), as dot products of rows: b is read as it lies, where oneDNN
/// writes a transposed copy first, which takes as long as 12 rows' products. An element's bits depend on k alone.
/// bias: n values or none. Throws Error naming the shapes where they do not fit each other.
void product_of_rows(Matrix<const float> a, Matrix<const float> b, Matrix<float> c, std::span<const float> bias);

} // namespace elbo
