// Files that appear whole or not at all, and links that change at once.
#pragma once

#include "storage/unfinished.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace elbo::storage {

/// Writes path whole: temporary name beside it, write, fsync, rename, fsync of the folder. Throws Error with the
/// system's reason, and leaves no temporary file behind. The folder must exist. What stood at path stays until the new
/// file is on the disk; only where the folder's fsync fails does the error come with the new file in place.
void write_whole(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_whole(const std::filesystem::path& path, std::string_view text);

/// Throws where no folder of that path exists in which we may write, nor one could be made: InputError with what stands
/// in the way.
void require_writable_folder(const std::filesystem::path& folder);

/// Makes a folder and those above it, where they do not exist. Throws like require_writable_folder(), or Error with
/// the system's reason where the disk is full or fails.
void make_folders(const std::filesystem::path& folder);

/// Replaces the symbolic link `link` by one to `target` (relative to the link's folder) by rename.
void replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

/// Removes what killed processes left under temporary names in a folder; only for the holder of the folder's lock.
void remove_temporaries(const std::filesystem::path& folder);

std::string read_text(const std::filesystem::path& path);

/// The last `bytes` bytes of a file, or all that there are; empty where it cannot be read.
std::string read_tail(const std::filesystem::path& path, std::size_t bytes);

/// A temporary name beside a file that some library writes itself; commit() fsyncs and renames it into place, the
/// destructor, or a signal that ends the process, removes it otherwise.
class PendingFile {
public:
    explicit PendingFile(std::filesystem::path destination);
    ~PendingFile();
    PendingFile(const PendingFile&) = delete;
    PendingFile& operator=(const PendingFile&) = delete;
    const std::filesystem::path& path() const { return temporary_; }
    void commit();

private:
    friend void write_whole(const std::filesystem::path& path, std::span<const std::byte> bytes);
    void rename();

    std::filesystem::path destination_, temporary_;
    Unfinished unfinished_;
    bool committed_ = false;
};

} // namespace elbo::storage
