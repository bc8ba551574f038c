// Passing a lock on. Every lock has an identity of its own. Whoever wants to replace or remove a lock must first make
// the file ".lock.tmp-claim-IDENTITY" (only one can), and then still find that very lock there. So a stale lock
// has one successor, however many comers judge it stale at once, and however late one of them wakes up. A claim whose
// maker died is itself claimed in the same way.
#include "storage/lock_file.hpp"

#include "base/error.hpp"
#include "storage/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace elbo::storage {

namespace {

constexpr std::string_view claim_prefix = ".lock.tmp-claim-";
constexpr std::string_view new_prefix = ".lock.tmp-new-", probe_prefix = ".lock.tmp-now-";
constexpr std::size_t longest_lock = 4096;

std::chrono::nanoseconds modified(const struct stat& status) {
    return std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
}

std::string identity_of(const LockOwner& owner, const std::string& text, std::chrono::nanoseconds touched) {
    if (!owner.token.empty()) return owner.token;
    return fingerprint(fmt::format("{}", touched.count()), std::as_bytes(std::span(text)));
}

bool file_name_of(std::string_view token) { return token.find('/') == std::string_view::npos && token.size() <= 64; }

} // namespace

std::optional<LockFile> LockFiles::read(const std::string& name, std::string_view touch) const {
    const Descriptor file(::openat(folder_, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file && errno == ENOENT) return std::nullopt;
    struct stat status;
    LockFile lock;
    std::string text;
    if (file && ::fstat(file.get(), &status) == 0) {
        // A lock that cannot be read is one of an unknown kind.
        read_some(file.get(), longest_lock, text);
    } else if (::fstatat(folder_, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::nullopt;
        fail("{}: its lock cannot be examined: {}", shown_, write_message(errno));
    }
    lock.owner = parse_owner(text);
    if (!file_name_of(lock.owner.token)) lock.owner = {};
    lock.touched = modified(status);
    lock.identity = identity_of(lock.owner, text, lock.touched);
    // By the descriptor: what has come under this name meanwhile gets no sign of life from us.
    if (!touch.empty() && lock.owner.token == touch) ::futimens(file.get(), nullptr);
    return lock;
}

/// Returns 0 or errno; what is there after an error is removed.
int LockFiles::write_new(const std::string& name, const LockOwner& owner) const {
    Descriptor file(::openat(folder_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file) return errno;
    const std::string text = to_text(owner);
    int code = write_all(file.get(), text.data(), text.size());
    if (code == 0) code = file.close();
    if (code != 0) remove(name);
    return code;
}

Outcome LockFiles::make(const std::string& name, const LockOwner& owner) const {
    // Written first and then linked, so that even a process killed in between leaves no lock without its name.
    const std::string written = std::string(new_prefix) + owner.token;
    int code = write_new(written, owner);
    if (code != 0) fail("{}: cannot be locked: {}", shown_, write_message(code));
    code = ::linkat(folder_, written.c_str(), folder_, name.c_str(), 0) == 0 ? 0 : errno;
    struct stat status;
    // NFS repeats a call whose answer was lost, and then finds that the link exists: it has its two names all the same.
    if (code == EEXIST && ::fstatat(folder_, written.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_nlink == 2)
        code = 0;
    remove(written);
    // Not every file system has hard links.
    if (code == EPERM || code == ENOTSUP || code == ENOSYS || code == EMLINK) code = write_new(name, owner);
    if (code == 0) return Outcome::done;
    // The holder of the lock removes what it takes for left over; it is there to be found.
    if (code == EEXIST || code == ENOENT) return Outcome::taken;
    fail("{}: cannot be locked: {}", shown_, write_message(code));
}

std::chrono::nanoseconds LockFiles::now(const LockOwner& mine) const {
    const std::string name = std::string(probe_prefix) + mine.token;
    const Descriptor file(::openat(folder_, name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    struct stat status;
    // "Now" is set by the file server.
    const bool done = file && ::futimens(file.get(), nullptr) == 0 && ::fstat(file.get(), &status) == 0;
    const int code = errno;
    if (file) remove(name);
    if (!done) fail("{}: cannot be locked: {}", shown_, write_message(code));
    return modified(status);
}

std::chrono::nanoseconds LockFiles::silence(const LockFile& lock, const LockOwner& mine) const {
    return std::max(now(mine) - lock.touched, std::chrono::nanoseconds(0));
}

bool LockFiles::stale(const LockFile& lock, const LockOwner& mine, std::chrono::nanoseconds limit) const {
    return is_gone(lock.owner, mine) || silence(lock, mine) > limit;
}

/// The right to replace or remove one lock, while it lives.
struct LockFiles::Claim {
    const LockFiles& files;
    std::vector<std::string> names; ///< of claims by the dead on the same lock, and last our own
    bool settled = false;           ///< the lock was replaced or removed

    Claim(const LockFiles& of, const LockFile& lock, const LockOwner& mine, std::chrono::nanoseconds limit)
        : files(of) {
        std::string identity = lock.identity;
        constexpr std::size_t most = 100;
        while (names.size() < most) {
            const std::string name = std::string(claim_prefix) + identity;
            LockOwner claimant = mine;
            claimant.token = fmt::format("{}-{}", mine.token.substr(0, 24), names.size());
            names.push_back(name);
            if (files.make(name, claimant) == Outcome::done) return;
            const std::optional<LockFile> other = files.read(name);
            if (!other || !files.stale(*other, mine, limit)) break;
            identity = other->identity;
        }
        names.clear();
    }
    /// The claims of the dead stay unless the lock that they are on is gone: others may be following them.
    ~Claim() {
        if (names.empty()) return;
        files.remove(names.back());
        for (std::size_t i = 0; settled && i + 1 < names.size(); ++i) files.remove(names[i]);
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    explicit operator bool() const { return !names.empty(); }
};

Outcome LockFiles::take_over(const LockFile& old, const LockOwner& mine, std::chrono::nanoseconds limit) const {
    const auto began = std::chrono::steady_clock::now();
    Claim claim(*this, old, mine, limit);
    if (!claim) return Outcome::taken;
    const std::string name = std::string(new_prefix) + mine.token;
    if (const int code = write_new(name, mine)) fail("{}: cannot be locked: {}", shown_, write_message(code));
    const std::optional<LockFile> present = read(lock_name);
    // After half of the time that makes a claim stale, somebody else may soon have it.
    const bool slow = std::chrono::steady_clock::now() - began > limit / 2;
    if (slow || !present || present->identity != old.identity) {
        remove(name);
        return Outcome::taken;
    }
    if (::renameat(folder_, name.c_str(), folder_, lock_name) != 0) {
        const int code = errno;
        remove(name);
        // NFS repeats a rename whose answer was lost, and then finds no such file.
        const std::optional<LockFile> after = read(lock_name);
        const bool ours = after && after->identity == mine.token;
        if (!ours && code == ENOENT) return Outcome::taken;
        if (!ours) fail("{}: cannot be locked: {}", shown_, write_message(code));
    }
    claim.settled = true;
    return Outcome::done;
}

void LockFiles::release(const LockOwner& mine, std::chrono::nanoseconds limit) const noexcept {
    try {
        const std::optional<LockFile> present = read(lock_name);
        if (!present || present->identity != mine.token) return;
        Claim claim(*this, *present, mine, limit);
        const std::optional<LockFile> still = claim ? read(lock_name) : std::nullopt;
        if (!still || still->identity != mine.token) return;
        remove(lock_name);
        claim.settled = true;
    } catch (const std::exception&) {
        // No claim can be made, as on a full or read-only disk; nobody else can make one there either.
        remove(lock_name);
    }
}

void LockFiles::tidy(const LockOwner& mine) const noexcept {
    const int again = ::openat(folder_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(again < 0 ? nullptr : ::fdopendir(again), ::closedir);
    if (!entries) return;
    while (const dirent* entry = ::readdir(entries.get())) {
        const std::string name = entry->d_name;
        const bool claim = name.starts_with(claim_prefix),
                   other = name.starts_with(new_prefix) || name.starts_with(probe_prefix);
        // Claims on former locks: whoever still makes one finds another lock there, and lets go.
        if (other || (claim && !name.ends_with(mine.token))) remove(name);
    }
}

void LockFiles::remove(const std::string& name) const noexcept { ::unlinkat(folder_, name.c_str(), 0); }

} // namespace elbo::storage
