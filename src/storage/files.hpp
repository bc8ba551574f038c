// Files that appear whole or not at all, links that change at once, and logs that grow line by line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace elbo::storage {

/// Writes path whole: temporary name beside it, write, fsync, rename, fsync of the folder. Throws Error with the
/// system's message, and leaves no temporary file behind. The folder must exist.
void write_whole(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_whole(const std::filesystem::path& path, std::string_view text);

/// Replaces the symbolic link `link` by one to `target` (relative to the link's folder) by rename.
void replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

std::string read_text(const std::filesystem::path& path);

/// A temporary name beside a file that some library writes itself; commit() fsyncs and renames it into place, the
/// destructor removes it otherwise.
class PendingFile {
public:
    explicit PendingFile(std::filesystem::path destination);
    ~PendingFile();
    PendingFile(const PendingFile&) = delete;
    PendingFile& operator=(const PendingFile&) = delete;
    const std::filesystem::path& path() const { return temporary_; }
    void commit();

private:
    std::filesystem::path destination_, temporary_;
    bool committed_ = false;
};

/// An append-only text file: every line reaches the system before append() returns. Opening cuts a torn last line.
class LineLog {
public:
    explicit LineLog(const std::filesystem::path& path);
    ~LineLog();
    LineLog(const LineLog&) = delete;
    LineLog& operator=(const LineLog&) = delete;
    /// line: without its newline. Throws Error with the system's message.
    void append(std::string_view line);
    /// Cuts the file to its first `bytes` bytes: what came after the checkpoint that a resume starts from.
    void cut(std::size_t bytes);
    std::size_t bytes() const { return bytes_; }

private:
    std::filesystem::path path_;
    int descriptor_ = -1;
    std::size_t bytes_ = 0;
};

/// Keeps the process's part of a folder's lock file (flock) until destroyed; refuses with InputError where another
/// holds it.
class FolderLock {
public:
    explicit FolderLock(const std::filesystem::path& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    int descriptor_ = -1;
};

} // namespace elbo::storage
