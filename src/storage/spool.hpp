// A file without a name, for more bytes than memory should hold.
#pragma once

#include "storage/posix.hpp"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace elbo::storage {

/// Lies on the disk of a folder and is gone with its owner, however that ends. Throws Error with the system's reason.
class Spool {
public:
    explicit Spool(const std::filesystem::path& folder);
    void write(std::size_t offset, std::span<const std::byte> bytes);
    /// Bytes that were written before.
    void read(std::size_t offset, std::span<std::byte> bytes) const;

private:
    std::string folder_;
    Descriptor file_;
};

} // namespace elbo::storage
