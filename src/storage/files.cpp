// Files that appear whole or not at all (temporary name, fsync, rename, fsync of the folder), links replaced by rename,
// line logs, and folder locks: plain POSIX.
#include "storage/files.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// The system's message for errno, in words a user can act on where it is the usual trouble of a long run.
std::string system_message(int code) {
    if (code == ENOSPC) return "no space left on the device; free some and run again";
    if (code == EDQUOT) return "the disk quota is used up; free some space and run again";
    return std::strerror(code);
}

/// A file descriptor that is closed on every way out.
class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return value_; }
    int release() { return std::exchange(value_, -1); }
    /// Closes; returns 0 or the error that only now came to light (NFS reports failed writes here).
    int close() { return ::close(release()) == 0 || errno == EINTR ? 0 : errno; }

private:
    int value_;
};

/// Writes everything; returns 0 or errno.
int write_all(int descriptor, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(descriptor, data, size);
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        data += written;
        size -= static_cast<std::size_t>(written);
    }
    return 0;
}

int sync(int descriptor) {
    while (::fsync(descriptor) != 0) {
        if (errno == EINTR) continue;
        // Some network and user-space file systems know no fsync; rename is then all there is.
        return errno == EINVAL || errno == ENOTSUP || errno == EROFS ? 0 : errno;
    }
    return 0;
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

fs::path temporary_beside(const fs::path& path) {
    return folder_of(path) / fmt::format(".{}.tmp-{}", path.filename().string(), ::getpid());
}

/// Makes a rename in this folder survive a loss of power.
void sync_folder(const fs::path& folder) {
    const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0) fail("{}: cannot open the folder: {}", folder.string(), system_message(errno));
    if (const int code = sync(descriptor.get())) {
        fail("{}: cannot sync the folder: {}", folder.string(), system_message(code));
    }
}

/// Length of the file up to and with its last newline.
std::size_t whole_lines(int descriptor, std::size_t size) {
    std::array<char, 4096> block;
    while (size > 0) {
        const std::size_t count = std::min(size, block.size());
        const ssize_t got = ::pread(descriptor, block.data(), count, static_cast<off_t>(size - count));
        if (got < 0 && errno == EINTR) continue;
        if (got != static_cast<ssize_t>(count)) return size;
        for (std::size_t i = count; i-- > 0;) {
            if (block[i] == '\n') return size - count + i + 1;
        }
        size -= count;
    }
    return 0;
}

} // namespace

void write_whole(const fs::path& path, std::span<const std::byte> bytes) {
    PendingFile pending(path);
    Descriptor file(::open(pending.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.get() < 0) fail("{}: cannot be written: {}", path.string(), system_message(errno));
    int code = write_all(file.get(), reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (code == 0) code = file.close();
    if (code != 0) fail("{}: cannot be written: {}", path.string(), system_message(code));
    pending.commit();
}

void write_whole(const fs::path& path, std::string_view text) { write_whole(path, std::as_bytes(std::span(text))); }

void replace_link(const fs::path& link, const fs::path& target) {
    const fs::path temporary = temporary_beside(link);
    ::unlink(temporary.c_str());
    if (::symlink(target.c_str(), temporary.c_str()) != 0) {
        fail("{}: cannot make the link: {}", link.string(), system_message(errno));
    }
    if (::rename(temporary.c_str(), link.c_str()) != 0) {
        const int code = errno;
        ::unlink(temporary.c_str());
        fail("{}: cannot be replaced by a link: {}", link.string(), system_message(code));
    }
    sync_folder(folder_of(link));
}

std::string read_text(const fs::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) reject("{}: cannot be read: {}", path.string(), system_message(errno));
    std::string text;
    std::array<char, 1 << 16> block;
    while (true) {
        const ssize_t got = ::read(file.get(), block.data(), block.size());
        if (got == 0) return text;
        if (got > 0) {
            text.append(block.data(), static_cast<std::size_t>(got));
        } else if (errno != EINTR) {
            reject("{}: cannot be read: {}", path.string(), system_message(errno));
        }
    }
}

PendingFile::PendingFile(fs::path destination)
    : destination_(std::move(destination)), temporary_(temporary_beside(destination_)) {}

PendingFile::~PendingFile() {
    if (!committed_) ::unlink(temporary_.c_str());
}

void PendingFile::commit() {
    Descriptor file(::open(temporary_.c_str(), O_RDWR | O_CLOEXEC));
    int code = file.get() < 0 ? errno : sync(file.get());
    if (code == 0) code = file.close();
    if (code == 0 && ::rename(temporary_.c_str(), destination_.c_str()) != 0) code = errno;
    if (code != 0) fail("{}: cannot be written: {}", destination_.string(), system_message(code));
    committed_ = true;
    sync_folder(folder_of(destination_));
}

LineLog::LineLog(const fs::path& path) : path_(path) {
    Descriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
    if (file.get() < 0) fail("{}: cannot be opened for appending: {}", path.string(), system_message(errno));
    struct stat status;
    if (::fstat(file.get(), &status) != 0) fail("{}: cannot be examined: {}", path.string(), system_message(errno));
    bytes_ = static_cast<std::size_t>(status.st_size);
    descriptor_ = file.get();
    cut(bytes_);
    file.release();
}

LineLog::~LineLog() { ::close(descriptor_); }

void LineLog::append(std::string_view line) {
    if (line.find('\n') != std::string_view::npos) fail("{}: a line of a log holds a newline", path_.string());
    std::string text(line);
    text += '\n';
    if (const int code = write_all(descriptor_, text.data(), text.size())) {
        // Part of the line may stand in the file; without it the log stays readable.
        [[maybe_unused]] const int ignored = ::ftruncate(descriptor_, static_cast<off_t>(bytes_));
        fail("{}: cannot be appended to: {}", path_.string(), system_message(code));
    }
    bytes_ += text.size();
}

void LineLog::cut(std::size_t bytes) {
    const std::size_t kept = whole_lines(descriptor_, std::min(bytes, bytes_));
    if (kept == bytes_) return;
    if (::ftruncate(descriptor_, static_cast<off_t>(kept)) != 0) {
        fail("{}: cannot be cut to {} bytes: {}", path_.string(), kept, system_message(errno));
    }
    bytes_ = kept;
}

FolderLock::FolderLock(const fs::path& folder) {
    const fs::path path = folder / "lock";
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (file.get() < 0) fail("{}: cannot be opened: {}", path.string(), system_message(errno));
    int result = 0;
    while ((result = ::flock(file.get(), LOCK_EX | LOCK_NB)) != 0 && errno == EINTR) {
    }
    if (result != 0 && errno == EWOULDBLOCK) {
        std::array<char, 256> owner{};
        const ssize_t got = ::pread(file.get(), owner.data(), owner.size(), 0);
        const std::string_view who(owner.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
        reject("{}: another elbo works in this folder{}{}; wait for it, or choose another output", folder.string(),
               who.empty() ? "" : ": ", who.substr(0, who.find('\n')));
    }
    // File systems without locks (some NFS and Lustre mounts) say so by another error: the run goes on unguarded.
    if (result == 0) {
        std::array<char, 256> host{};
        ::gethostname(host.data(), host.size() - 1);
        const std::string owner = fmt::format("process {} on {}\n", ::getpid(), host.data());
        if (::ftruncate(file.get(), 0) == 0) write_all(file.get(), owner.data(), owner.size());
    }
    descriptor_ = file.release();
}

FolderLock::~FolderLock() { ::close(descriptor_); }

} // namespace elbo::storage
