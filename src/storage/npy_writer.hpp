// An array in NumPy's format (numpy.lib.format, version 1.0), written row by row.
#pragma once

#include "storage/dataset.hpp"
#include "storage/files.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace elbo::storage {

/// What stands before the values of an array: magic, version and a description, padded to a multiple of 64 bytes.
std::string npy_header(const Shape& shape, ElementType type);

/// A file that appears whole at commit() or not at all.
class NpyWriter {
public:
    /// shape: (N, ...). Takes its place on the disk. Throws Error where there is none, or it cannot be written.
    NpyWriter(const std::filesystem::path& file, const Shape& shape, ElementType type);

    /// Rows that follow those of the last call.
    void write(std::span<const std::byte> rows);
    /// Throws Error where there are not as many as the shape says.
    void commit();

private:
    void require_written() const;

    std::string name_;
    PendingFile pending_;
    std::ofstream out_;
    std::size_t left_; ///< bytes
};

} // namespace elbo::storage
