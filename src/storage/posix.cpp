// The calls of posix.hpp: plain POSIX, interrupted calls repeated.
#include "storage/posix.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace elbo::storage {

std::string write_message(int code) {
    switch (code) {
    case ENOSPC:
        return "no space left on the device; free some";
    case EDQUOT:
        return "the disk quota is used up; free some space";
    case EIO:
        return "input/output error of the disk or network; its administrator's logs say more";
    case EROFS:
        return "the file system is read-only, as some become after an error of the disk";
    case EACCES:
    case EPERM:
        return "permission denied; who may write there shows with ls -ld";
    case ENOENT:
    case ESTALE:
        return "its folder does not exist; was it moved or removed?";
    default:
        return std::strerror(code);
    }
}

Descriptor::~Descriptor() {
    if (value_ >= 0) ::close(value_);
}

int Descriptor::close() { return ::close(release()) == 0 || errno == EINTR ? 0 : errno; }

int write_all(int descriptor, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(descriptor, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        if (written == 0) return EIO;
        data += written;
        size -= static_cast<std::size_t>(written);
    }
    return 0;
}

int read_some(int descriptor, std::size_t limit, std::string& text) {
    text.resize(limit);
    std::size_t length = 0;
    while (length < limit) {
        const ssize_t got = ::pread(descriptor, text.data() + length, limit - length, static_cast<off_t>(length));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            const int code = errno;
            text.clear();
            return code;
        }
        if (got == 0) break;
        length += static_cast<std::size_t>(got);
    }
    text.resize(length);
    return 0;
}

int read_at(int descriptor, std::size_t offset, std::span<std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return ENODATA;
        offset += static_cast<std::size_t>(got);
        bytes = bytes.subspan(static_cast<std::size_t>(got));
    }
    return 0;
}

int write_at(int descriptor, std::size_t offset, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return errno;
        if (done == 0) return EIO;
        offset += static_cast<std::size_t>(done);
        bytes = bytes.subspan(static_cast<std::size_t>(done));
    }
    return 0;
}

int reserve_space(int descriptor, std::size_t bytes) {
#ifdef FALLOC_FL_KEEP_SIZE
    if (::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) == 0) return 0;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) return errno;
#endif
    return 0;
}

int sync(int descriptor) {
    while (::fsync(descriptor) != 0) {
        if (errno == EINTR) continue;
        return errno == EINVAL || errno == ENOTSUP || errno == ENOSYS ? 0 : errno;
    }
    return 0;
}

bool is_there(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::exists(path, ignored);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
    return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::filesystem::path existing_part(const std::filesystem::path& path) {
    std::error_code ignored;
    std::filesystem::path part = path;
    while (part.has_relative_path() && !std::filesystem::exists(std::filesystem::symlink_status(part, ignored)))
        part = part.parent_path();
    return part.empty() ? "." : part;
}

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

} // namespace elbo::storage
