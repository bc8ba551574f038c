// How much of a file is read at once.
#pragma once

#include <algorithm>
#include <cstddef>

namespace elbo::data {

/// A thread that is to end waits for so much.
inline constexpr std::size_t piece_bytes = std::size_t{4} << 20;

/// Rows of a piece, at least one.
constexpr std::size_t rows_of_a_piece(std::size_t row_bytes) {
    return std::max<std::size_t>(1, piece_bytes / row_bytes);
}

} // namespace elbo::data
