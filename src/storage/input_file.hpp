// A user's file, read at any place.
#pragma once

#include "storage/posix.hpp"

#include <cstddef>
#include <filesystem>
#include <span>

namespace elbo::storage {

/// Throws InputError naming the file where it is missing, no plain file, not readable, or ends too early.
class InputFile {
public:
    explicit InputFile(std::filesystem::path path);
    const std::filesystem::path& path() const { return path_; }
    std::size_t size() const { return size_; } ///< when it was opened
    void read(std::size_t offset, std::span<std::byte> bytes) const;

private:
    std::filesystem::path path_;
    Descriptor file_;
    std::size_t size_ = 0;
};

} // namespace elbo::storage
