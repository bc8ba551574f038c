// How much memory processes of this host could take now: what the system has, and what the cgroup of a container or job
// leaves of it.
#pragma once

#include <cstddef>
#include <filesystem>

namespace elbo::comm {

/// Bytes; the largest size_t where the system does not say.
std::size_t free_memory();

/// What is left of the tightest limit of a cgroup (version 2) below `root`, named by a line "0::/path" of
/// /proc/self/cgroup.
std::size_t room_in_cgroup(const std::filesystem::path& root, const std::filesystem::path& path);

} // namespace elbo::comm
