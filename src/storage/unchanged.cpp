#include "storage/unchanged.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace elbo::storage {

namespace fs = std::filesystem;

std::optional<Unchanged::File> Unchanged::look(const fs::path& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return std::nullopt;
    return File{path,
                found.st_dev,
                found.st_ino,
                static_cast<std::uint64_t>(found.st_size),
                found.st_mtim.tv_sec,
                found.st_mtim.tv_nsec};
}

Unchanged::Unchanged(std::span<const fs::path> files) {
    for (const fs::path& file : files) {
        const std::optional<File> found = look(file);
        if (!found) reject("{}: {}", file.string(), std::strerror(errno));
        files_.push_back(*found);
    }
}

void Unchanged::require() const {
    constexpr const char* what_to_do = "start again when it is as it was, or anew with --fresh on what it is now";
    for (const File& before : files_) {
        // Looked at once: the file may go between two looks.
        const std::optional<File> now = look(before.path);
        if (!now)
            reject("{}: was removed while it was read ({}); {}", before.path.string(), std::strerror(errno),
                   what_to_do);
        if (now->device != before.device || now->inode != before.inode)
            reject("{}: was replaced by another file while it was read; {}", before.path.string(), what_to_do);
        if (now->size != before.size)
            reject("{}: was {} while it was read: it had {} bytes and has {}; {}", before.path.string(),
                   now->size < before.size ? "cut short" : "written to", with_commas(before.size),
                   with_commas(now->size), what_to_do);
        if (now->seconds != before.seconds || now->nanoseconds != before.nanoseconds)
            reject("{}: was written to while it was read; {}", before.path.string(), what_to_do);
    }
}

} // namespace elbo::storage
