// Who holds a folder's lock: what the lock file says, and what this host can tell about its process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace elbo::storage {

/// The lines of a lock file, "key value" each; empty or zero where unknown.
struct LockOwner {
    std::string host;
    std::string boot;          ///< /proc/sys/kernel/random/boot_id: this start of the host's kernel
    std::string pid_namespace; ///< of containers that share a kernel: where the process id counts
    std::int64_t process = 0;
    std::string started;           ///< the process's start in clock ticks since boot: process ids come again
    std::string job;               ///< SLURM_JOB_ID
    std::int64_t job_restarts = 0; ///< SLURM_RESTART_COUNT
    std::string since;             ///< UTC
    std::string token;             ///< random: tells this lock from every other
};

/// This process, with a new token.
LockOwner this_process();

std::string to_text(const LockOwner& owner);

/// A lock file of another kind, empty or garbled, has an empty token.
LockOwner parse_owner(std::string_view text);

/// True where the owner is known to be no more: its process ended on this host, or its Slurm job was requeued as
/// `mine`.
bool is_gone(const LockOwner& owner, const LockOwner& mine);

/// "process 12 on node7 since 2026-11-20T12:00:00Z, Slurm job 345"; what is unknown is left out.
std::string describe(const LockOwner& owner);

} // namespace elbo::storage
