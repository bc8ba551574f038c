// One process a folder, across hosts and on NFS: a lock file that only one can make, kept alive by a heartbeat, and
// taken over where its holder is known to be gone or has been silent for long. No flock: NFS and Lustre mounts often
// have none.
#pragma once

#include "storage/lock_owner.hpp"
#include "storage/posix.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

namespace elbo::storage {

struct FolderLockOptions {
    std::chrono::milliseconds beat{10'000};     ///< between two signs of life
    std::chrono::milliseconds silence{120'000}; ///< without a sign of life, after which a lock is stale
};

/// Holds `folder`/lock until destroyed. The constructor throws InputError where another process holds it, with who,
/// since when and its last sign of life, and Error where the folder cannot be written to. Stale, and taken over: the
/// process is gone from this start of this host; the same Slurm job was requeued since; no sign of life for `silence`,
/// by the file server's clock. A lock of an unknown kind is judged by silence alone.
class FolderLock {
public:
    explicit FolderLock(const std::filesystem::path& folder, FolderLockOptions options = {});
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

    /// True since the heartbeat found that the lock is another's or was removed: its owner must write no more. A folder
    /// that was removed whole is no lost lock: writing there tells.
    bool lost() const { return lost_; }
    /// Who has it now: "process 12 on node7 since ..."; empty while it is ours.
    std::string lost_to() const;

private:
    void acquire();
    void beat();
    void examine();
    void lose(const std::string& to);

    std::filesystem::path path_; ///< of the folder
    FolderLockOptions options_;
    LockOwner mine_;
    Descriptor folder_; ///< follows the folder where it is renamed
    std::atomic<bool> lost_ = false;
    std::string lost_to_;
    mutable std::mutex mutex_; ///< guards lost_to_ and ending_
    std::condition_variable wake_;
    bool ending_ = false;
    std::thread heart_;
};

/// True where a process seems to hold the folder's lock, by this host's clock; touches nothing.
bool is_locked(const std::filesystem::path& folder);

} // namespace elbo::storage
