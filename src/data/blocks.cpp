#include "data/blocks.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::data {
namespace {

constexpr std::size_t usual_block_bytes = std::size_t{1} << 20;
constexpr std::size_t most_chunk_bytes = std::size_t{16} << 20; ///< of a chunk that is taken as a block
constexpr std::size_t most_window_bytes = std::size_t{64} << 20;
constexpr std::uint64_t usual_blocks = 64; ///< of a window

constexpr std::size_t large_bytes = std::size_t{16} << 20; ///< of a dataset whose layout matters
constexpr std::uint64_t many_rows = 10000;

std::uint64_t chunk_rows(const storage::DatasetInfo& info) { return info.chunk.empty() ? 0 : info.chunk.front(); }

bool is_compressed(const storage::DatasetInfo& info) {
    constexpr double less = 0.98; // than what half floats take, at the least
    const double bytes = static_cast<double>(info.rows()) * static_cast<double>(info.row_bytes());
    const double stored = info.stored.starts_with("float16") ? 0.5 * bytes : bytes;
    return !info.chunk.empty() && static_cast<double>(info.stored_bytes) < less * stored;
}

std::uint64_t usual_block(const storage::DatasetInfo& info) {
    const std::uint64_t rows = std::max<std::uint64_t>(1, usual_block_bytes / info.row_bytes());
    const std::uint64_t chunk = chunk_rows(info);
    if (chunk == 0 || chunk * info.row_bytes() > most_chunk_bytes) return rows;
    return chunk * std::max<std::uint64_t>(1, rows / chunk);
}

} // namespace

Blocks blocks_for(const storage::DatasetInfo& info, std::optional<std::uint64_t> block,
                  std::optional<std::uint64_t> window) {
    Blocks blocks;
    blocks.block = std::min<std::uint64_t>(block.value_or(usual_block(info)), info.rows());
    const std::uint64_t most = std::max(blocks.block, most_window_bytes / info.row_bytes());
    blocks.window = window.value_or(std::min(usual_blocks * blocks.block, most));
    return blocks;
}

std::size_t bytes_around_a_row(const storage::DatasetInfo& info) {
    return is_compressed(info) ? std::min<std::uint64_t>(chunk_rows(info), info.rows()) * info.row_bytes() : 0;
}

std::string costly_layout(const storage::DatasetInfo& info) {
    if (info.rows() * info.row_bytes() < large_bytes || info.chunk.empty()) return "";
    const std::string where = fmt::format("{}:{}", info.file, info.name);
    const std::string advice = fmt::format("`elbo convert {} OUT.h5` stores it in chunks of about 1 MiB", info.file);
    if (chunk_rows(info) >= info.rows() && is_compressed(info))
        return fmt::format("{}: one chunk holds the whole dataset, and each part that is read unpacks all of it; {}",
                           where, advice);
    if (chunk_rows(info) == 1 && info.rows() >= many_rows)
        return fmt::format("{}: each of {} samples is a chunk of its own, {}, and is looked up by itself; {}", where,
                           with_commas(info.rows()), human_bytes(static_cast<double>(info.row_bytes())), advice);
    return "";
}

} // namespace elbo::data
