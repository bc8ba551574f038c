// Blocks and windows of the windowed order from how a dataset is stored.
#pragma once

#include "storage/dataset.hpp"

#include <cstdint>
#include <optional>

namespace elbo::data {

/// In samples.
struct Blocks {
    std::uint64_t block = 0, window = 0;
};

/// As asked for; what is left open by the dataset's header alone: a block is about 256 KiB, of rows or whole chunks, or
/// a chunk where it is compressed, so that HDF5 must read all of it; a window is 256 blocks, but at most 64 MiB where
/// that is more than a block. The more blocks a window has, the better a sorted file is mixed; shorter ones are read
/// more slowly from disks.
Blocks blocks_for(const storage::DatasetInfo& info, std::optional<std::uint64_t> block,
                  std::optional<std::uint64_t> window);

/// Bytes of the chunks that are read whole to get at a row; 0 where rows are read by themselves.
std::size_t bytes_around_a_row(const storage::DatasetInfo& info);

} // namespace elbo::data
