// Lock files of one folder: reading, making, and passing from a holder that is gone to exactly one successor.
#pragma once

#include "storage/lock_owner.hpp"
#include "storage/posix.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace elbo::storage {

inline constexpr const char* lock_name = "lock";

/// What a lock file says, and what tells it from every other that may stand under the same name.
struct LockFile {
    LockOwner owner;
    std::string identity; ///< its token; of a lock of another kind its text and time
    std::chrono::nanoseconds touched{0};
};

/// What happened to an attempt that met no error.
enum class Outcome { done, taken };

/// Works on the files of a folder by its descriptor, so that a renamed folder is the same. Throws Error with the
/// system's reason where the folder cannot be read or written.
class LockFiles {
public:
    LockFiles(int folder, std::string shown) : folder_(folder), shown_(std::move(shown)) {}

    /// Empty where there is no such file. A lock whose token is `touch` is given a sign of life.
    std::optional<LockFile> read(const std::string& name, std::string_view touch = {}) const;
    /// Makes the file with the owner's lines, whole from the start; taken where it exists.
    Outcome make(const std::string& name, const LockOwner& owner) const;
    /// The file server's time: of a file made just now.
    std::chrono::nanoseconds now(const LockOwner& mine) const;
    /// Silence of a lock by the file server's clock.
    std::chrono::nanoseconds silence(const LockFile& lock, const LockOwner& mine) const;
    bool stale(const LockFile& lock, const LockOwner& mine, std::chrono::nanoseconds limit) const;

    /// Replaces the stale lock `old` by mine, in one rename; taken where somebody else does or did, or it changed.
    Outcome take_over(const LockFile& old, const LockOwner& mine, std::chrono::nanoseconds limit) const;
    /// Removes the lock of `mine` unless somebody takes it over.
    void release(const LockOwner& mine, std::chrono::nanoseconds limit) const noexcept;
    /// Removes what killed processes left of their attempts; for the holder. Who is attempting still finds the lock
    /// taken.
    void tidy(const LockOwner& mine) const noexcept;

private:
    struct Claim;
    int write_new(const std::string& name, const LockOwner& owner) const;
    void remove(const std::string& name) const noexcept;

    int folder_;
    std::string shown_;
};

} // namespace elbo::storage
