// Sums whose value does not depend on who computes which part: fixed blocks, added in one canonical tree.
#pragma once

#include "numerics/view.hpp"

#include <cstdint>
#include <span>

namespace elbo {

/// Elements of a block of a canonical sum.
inline constexpr std::size_t sum_block = 4096;

/// Sum of the terms in the canonical tree: [0, n) splits at the largest power of two below n. 0 where empty.
double tree_sum(std::span<const double> terms);

/// Sum of squares of one block's elements, in double.
double sum_of_squares(std::span<const float> block);

/// out[i] = a[i] + b[i]; out may be a or b.
void add(std::span<const float> a, std::span<const float> b, std::span<float> out);

/// A hash of the values' bits, seeded: finds where copies of an array differ.
std::int64_t hash_bits(std::span<const float> values, std::size_t seed);

/// out[j] = sum over rows of m(i, j).
void column_sums(Matrix<const float> m, std::span<float> out);

/// True where no element is infinite or not a number.
bool all_finite(std::span<const float> values);

} // namespace elbo
