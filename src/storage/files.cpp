// Files that appear whole or not at all (temporary name, fsync, rename, fsync of the folder) and links replaced by
// rename: plain POSIX.
#include "storage/files.hpp"

#include "base/error.hpp"
#include "base/verdict.hpp"
#include "storage/posix.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// A name that no other thread has: ".NAME.tmp-PROCESS-COUNT".
fs::path temporary_beside(const fs::path& path) {
    static std::atomic<unsigned long> count{0};
    return folder_of(path) / fmt::format(".{}.tmp-{}-{}", path.filename().string(), ::getpid(), ++count);
}

/// Makes a rename in this folder survive a loss of power.
void sync_folder(const fs::path& folder) {
    const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const int code = descriptor ? sync(descriptor.get()) : errno;
    if (code != 0)
        fail("{}: the folder cannot be synchronised with the disk: {}", folder.string(), write_message(code));
}

} // namespace

void write_whole(const fs::path& path, std::span<const std::byte> bytes) {
    PendingFile pending(path);
    Descriptor file(::open(pending.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    int code = file ? write_all(file.get(), reinterpret_cast<const char*>(bytes.data()), bytes.size()) : errno;
    if (code == 0) code = sync(file.get());
    if (code == 0) code = file.close();
    if (code != 0) fail("{}: cannot be written: {}", path.string(), write_message(code));
    pending.rename();
}

void write_whole(const fs::path& path, std::string_view text) { write_whole(path, std::as_bytes(std::span(text))); }

void require_writable_folder(const fs::path& folder) {
    const fs::path there = existing_part(folder);
    std::error_code ignored;
    const auto refuse = [&](const std::string& reason) {
        if (there == folder) reject("{}: {}", folder.string(), reason);
        reject("{}: the folder cannot be made: {} {}", folder.string(), there.string(), reason);
    };
    if (fs::is_symlink(there, ignored) && !fs::exists(there, ignored))
        refuse(fmt::format("is a link to {}, which does not exist", fs::read_symlink(there, ignored).string()));
    if (!fs::is_directory(there, ignored)) refuse("is a file, expected a folder");
    if (::access(there.c_str(), W_OK | X_OK) != 0)
        refuse(fmt::format("cannot be written to: {}", write_message(errno)));
}

void make_folders(const fs::path& folder) {
    require_writable_folder(folder);
    std::error_code error;
    fs::create_directories(folder, error);
    const int code = error.value();
    if (code == 0) return;
    const std::string place = existing_part(folder).string();
    const std::string reason = code == ENOENT ? fmt::format("{} takes no new folders", place) : write_message(code);
    if (is_wrong_path(code)) reject("{}: the folder cannot be made: {}", folder.string(), reason);
    fail("{}: the folder cannot be made: {}", folder.string(), reason);
}

void replace_link(const fs::path& link, const fs::path& target) {
    const fs::path temporary = temporary_beside(link);
    ::unlink(temporary.c_str());
    if (::symlink(target.c_str(), temporary.c_str()) != 0) {
        fail("{}: the link cannot be made: {}", link.string(), write_message(errno));
    }
    if (::rename(temporary.c_str(), link.c_str()) != 0) {
        const int code = errno;
        ::unlink(temporary.c_str());
        fail("{}: the link cannot be replaced: {}", link.string(), write_message(code));
    }
    sync_folder(folder_of(link));
}

void remove_temporaries(const fs::path& folder) {
    std::error_code ignored;
    fs::directory_iterator entries(folder, ignored);
    for (; entries != fs::directory_iterator(); entries.increment(ignored)) {
        const std::string name = entries->path().filename().string();
        const fs::file_type type = entries->symlink_status(ignored).type();
        const bool file = type == fs::file_type::regular || type == fs::file_type::symlink;
        // The lock's own are its business: they decide who takes over from whom.
        if (file && name.starts_with('.') && name.find(".tmp-") != std::string::npos && !name.starts_with(".lock.")) {
            fs::remove(entries->path(), ignored);
        }
    }
}

std::string read_text(const fs::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) reject("{}: cannot be read: {}", path.string(), std::strerror(errno));
    std::string text;
    std::array<char, 1 << 16> block;
    while (true) {
        const ssize_t got = ::read(file.get(), block.data(), block.size());
        if (got == 0) return text;
        if (got > 0) {
            text.append(block.data(), static_cast<std::size_t>(got));
        } else if (errno != EINTR) {
            reject("{}: cannot be read: {}", path.string(), std::strerror(errno));
        }
    }
}

std::string read_tail(const fs::path& path, std::size_t bytes) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::error_code error;
    const auto size = static_cast<std::size_t>(file ? fs::file_size(path, error) : 0);
    if (error) return {};
    std::string text(std::min(size, bytes), '\0');
    const int code = read_at(file.get(), size - text.size(), std::as_writable_bytes(std::span(text)));
    return code == 0 ? text : std::string();
}

PendingFile::PendingFile(fs::path destination)
    : destination_(std::move(destination)), temporary_(temporary_beside(destination_)), unfinished_(temporary_) {}

PendingFile::~PendingFile() {
    if (!committed_) ::unlink(temporary_.c_str());
}

void PendingFile::commit() {
    Descriptor file(::open(temporary_.c_str(), O_RDWR | O_CLOEXEC));
    int code = file ? sync(file.get()) : errno;
    if (code == 0) code = file.close();
    if (code != 0) fail("{}: cannot be written: {}", destination_.string(), write_message(code));
    rename();
}

void PendingFile::rename() {
    if (::rename(temporary_.c_str(), destination_.c_str()) != 0) {
        fail("{}: cannot be put in place: {}", destination_.string(), write_message(errno));
    }
    committed_ = true;
    sync_folder(folder_of(destination_));
}

} // namespace elbo::storage
