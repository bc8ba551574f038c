// Taking, keeping and giving back a folder's lock; what two comers do to each other is in lock_file.cpp.
#include "storage/folder_lock.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "base/thread.hpp"
#include "storage/lock_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

/// How long a comer waits for another that is making or taking over the lock.
constexpr milliseconds patience{5'000}, a_moment{5};

std::string seconds_text(nanoseconds time) {
    return human_duration(std::max(std::chrono::duration<double>(time).count(), 0.0));
}

[[noreturn]] void refuse(const std::string& folder, const LockFile& lock, nanoseconds silence, nanoseconds limit) {
    const std::string host = lock.owner.host.empty() ? "its host" : lock.owner.host;
    reject(
        "{}: another elbo works in this folder: {}; last sign of life {} ago; wait for it, or choose another output; "
        "if {} is dead: try again in {}",
        folder, describe(lock.owner), seconds_text(silence), host,
        seconds_text(limit - silence + std::chrono::seconds(1)));
}

Descriptor open_folder(const fs::path& path) {
    return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

} // namespace

FolderLock::FolderLock(const fs::path& folder, FolderLockOptions options)
    : path_(folder), options_(options), mine_(this_process()), folder_(open_folder(folder)) {
    if (!folder_) fail("{}: cannot be locked: {}", folder.string(), write_message(errno));
    acquire();
    const LockFiles files(folder_.get(), path_.string());
    files.tidy(mine_);
    try {
        heart_ = start_thread(fmt::format("to keep the lock of {}", folder.string()), [this] { beat(); });
    } catch (const std::exception&) {
        files.release(mine_, options_.silence);
        throw;
    }
}

FolderLock::~FolderLock() {
    {
        const std::lock_guard guard(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    heart_.join();
    if (!lost_) LockFiles(folder_.get(), path_.string()).release(mine_, options_.silence);
}

std::string FolderLock::lost_to() const {
    const std::lock_guard guard(mutex_);
    return lost_to_;
}

bool is_locked(const fs::path& folder) {
    const Descriptor opened = open_folder(folder);
    if (!opened) return false;
    const std::optional<LockFile> lock = LockFiles(opened.get(), folder.string()).read(lock_name);
    if (!lock || is_gone(lock->owner, this_process())) return false;
    return std::chrono::system_clock::now().time_since_epoch() - lock->touched <= FolderLockOptions().silence;
}

void FolderLock::acquire() {
    const LockFiles files(folder_.get(), path_.string());
    const auto began = std::chrono::steady_clock::now();
    while (files.make(lock_name, mine_) == Outcome::taken) {
        const std::optional<LockFile> lock = files.read(lock_name);
        if (!lock) continue;
        const bool waited = std::chrono::steady_clock::now() - began > patience;
        if (is_gone(lock->owner, mine_) || files.silence(*lock, mine_) > options_.silence) {
            if (files.take_over(*lock, mine_, options_.silence) == Outcome::done) return;
            if (waited)
                reject("{}: another elbo is taking this folder over; wait for it, or choose another output",
                       path_.string());
        } else {
            const nanoseconds silence = files.silence(*lock, mine_);
            // Its maker may not have come to write its name yet.
            const bool nameless = lock->owner.token.empty() && silence < std::chrono::seconds(1);
            if (!nameless || waited) refuse(path_.string(), *lock, silence, options_.silence);
        }
        std::this_thread::sleep_for(a_moment);
    }
}

void FolderLock::beat() {
    std::unique_lock guard(mutex_);
    while (!wake_.wait_for(guard, options_.beat, [this] { return ending_; })) {
        guard.unlock();
        try {
            examine();
        } catch (const std::exception&) {
            // Trouble with the disk is told by whoever writes; this only looks, and does so again.
        }
        guard.lock();
    }
}

void FolderLock::examine() {
    if (lost_) return;
    const std::optional<LockFile> lock = LockFiles(folder_.get(), path_.string()).read(lock_name, mine_.token);
    if (lock && lock->identity != mine_.token) return lose(describe(lock->owner));
    // The folder may have been removed or renamed, and another may stand in its place.
    const Descriptor there = open_folder(path_);
    struct stat ours, theirs;
    if (!there || ::fstat(there.get(), &theirs) != 0) return;
    const bool same =
        ::fstat(folder_.get(), &ours) == 0 && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
    const std::optional<LockFile> other = LockFiles(there.get(), path_.string()).read(lock_name);
    if (other && other->identity != mine_.token) return lose(describe(other->owner));
    if (same && !other) lose("nobody: the file \"lock\" was removed");
}

void FolderLock::lose(const std::string& to) {
    const std::lock_guard guard(mutex_);
    lost_to_ = to;
    lost_ = true;
}

} // namespace elbo::storage
