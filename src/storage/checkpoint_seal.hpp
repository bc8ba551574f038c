// A checkpoint's user block: what it promises about the bytes behind it, and whether they keep it. No HDF5 here.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace elbo::storage {

inline constexpr std::size_t checkpoint_user_block = 512;

/// The whole file, verified. Throws InputError as CheckpointReader does.
std::vector<std::byte> read_verified(const std::filesystem::path& file);

} // namespace elbo::storage
