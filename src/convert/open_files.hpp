// Any number of a user's files, of which some dozens are open at once: a process may have about a thousand.
#pragma once

#include "storage/input_file.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace elbo::convert {

class OpenFiles {
public:
    /// Returns the file's number. Throws InputError where it is missing, no plain file or not readable.
    std::size_t add(const std::filesystem::path& path);
    const std::filesystem::path& path(std::size_t file) const { return files_[file].path; }
    std::size_t size(std::size_t file) const { return files_[file].size; } ///< when it was added

    /// Throws InputError where the file ends before, or has another size than when it was added.
    void read(std::size_t file, std::size_t offset, std::span<std::byte> bytes);

private:
    struct File {
        std::filesystem::path path;
        std::size_t size;
        std::unique_ptr<storage::InputFile> opened; ///< none: closed
    };
    void keep_open(std::size_t file, storage::InputFile opened);

    std::vector<File> files_;
    std::vector<std::size_t> open_; ///< numbers of the open ones, the longest open first
};

} // namespace elbo::convert
