// POSIX calls that the files of storage/ share: descriptors that close themselves, writes that finish, and the system's
// reasons in words that a user can act on.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace elbo::storage {

/// What an errno means for somebody whose file could not be written, and what to do where it is known.
std::string write_message(int code);

/// A file descriptor that is closed on every way out.
class Descriptor {
public:
    explicit Descriptor(int value = -1) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Descriptor();
    int get() const { return value_; }
    explicit operator bool() const { return value_ >= 0; }
    int release() { return std::exchange(value_, -1); }
    /// Closes; returns 0 or the error that only now came to light (NFS reports failed writes here).
    int close();

private:
    int value_;
};

/// Writes everything; returns 0 or errno.
int write_all(int descriptor, const char* data, std::size_t size);

/// Reads up to `limit` bytes from the file's beginning; returns 0 or errno.
int read_some(int descriptor, std::size_t limit, std::string& text);

/// Reads all of `bytes` from a place of the file; returns 0 or errno, ENODATA where the file ends before.
int read_at(int descriptor, std::size_t offset, std::span<std::byte> bytes);

/// Writes all of `bytes` to a place of the file; returns 0 or errno.
int write_at(int descriptor, std::size_t offset, std::span<const std::byte> bytes);

/// Takes disk space for a file ahead, so that a full disk shows before anything is computed for it; its length stays.
/// Returns 0 or errno; file systems that cannot do so are no error, and left to find out later.
int reserve_space(int descriptor, std::size_t bytes);

/// fsync; returns 0 or errno. A file system that knows no fsync is no error: rename is then all there is.
int sync(int descriptor);

/// Whether something is there, links followed; not where the path leads through what we may not see.
bool is_there(const std::filesystem::path& path);

/// The folder that path lies in; "." where it names none.
std::filesystem::path folder_of(const std::filesystem::path& path);

/// The longest beginning of a path that exists; "." or "/" at the least.
std::filesystem::path existing_part(const std::filesystem::path& path);

/// Length of the file's first `size` bytes up to and with their last newline.
std::size_t whole_lines(int descriptor, std::size_t size);

} // namespace elbo::storage
