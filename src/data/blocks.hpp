// Blocks and windows of the windowed order from how a dataset is stored, and what a user should know of that.
#pragma once

#include "storage/dataset.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace elbo::data {

/// In samples.
struct Blocks {
    std::uint64_t block = 0, window = 0;
};

/// As asked for; what is left open by the dataset's header alone: a block is a chunk, or as many whole chunks or rows
/// as make about 1 MiB; a window is 64 blocks, but at most 64 MiB where that is more than a block.
Blocks blocks_for(const storage::DatasetInfo& info, std::optional<std::uint64_t> block,
                  std::optional<std::uint64_t> window);

/// Bytes of the chunks that are read whole to get at a row; 0 where rows are read by themselves.
std::size_t bytes_around_a_row(const storage::DatasetInfo& info);

/// What reading this layout costs beyond reading the data, and what to do; empty where nothing is to be said.
std::string costly_layout(const storage::DatasetInfo& info);

} // namespace elbo::data
