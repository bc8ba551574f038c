#include "data/blocks.hpp"

#include <algorithm>

namespace elbo::data {
namespace {

constexpr std::size_t usual_block_bytes = std::size_t{256} << 10;
constexpr std::size_t most_chunk_bytes = std::size_t{16} << 20; ///< of a chunk that is taken as a block
/// Of a block where what is read around it may be more: each costs that once.
constexpr std::size_t long_block_bytes = std::size_t{1} << 20;
constexpr std::size_t most_window_bytes = std::size_t{64} << 20;
constexpr std::uint64_t usual_blocks = 256; ///< of a window

std::uint64_t chunk_rows(const storage::DatasetInfo& info) { return info.chunk.empty() ? 0 : info.chunk.front(); }

std::uint64_t rows_in(std::size_t bytes, const storage::DatasetInfo& info) {
    return std::max<std::uint64_t>(1, bytes / info.row_bytes());
}

std::uint64_t usual_block(const storage::DatasetInfo& info) {
    const std::uint64_t chunk = chunk_rows(info), rows = rows_in(usual_block_bytes, info);
    const bool read_whole = !info.filters.empty();
    if (info.layout == "virtual" || (read_whole && chunk * info.row_bytes() > most_chunk_bytes))
        return rows_in(long_block_bytes, info);
    if (chunk == 0) return rows;
    if (chunk <= rows) return rows / chunk * chunk;
    if (read_whole) return chunk;
    return chunk / ((chunk + rows / 2) / rows); // as many parts as come closest
}

} // namespace

Blocks blocks_for(const storage::DatasetInfo& info, std::optional<std::uint64_t> block,
                  std::optional<std::uint64_t> window) {
    Blocks blocks;
    blocks.block = std::min<std::uint64_t>(block.value_or(usual_block(info)), info.rows());
    const std::uint64_t most = std::max(blocks.block, rows_in(most_window_bytes, info));
    blocks.window = window.value_or(std::min<std::uint64_t>({usual_blocks * blocks.block, most, info.rows()}));
    return blocks;
}

std::size_t bytes_around_a_row(const storage::DatasetInfo& info) {
    return info.filters.empty() ? 0 : std::min<std::uint64_t>(chunk_rows(info), info.rows()) * info.row_bytes();
}

} // namespace elbo::data
