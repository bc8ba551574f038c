// Files of arrays that are laid out before anything is computed, so that any process, on any host that sees them, can
// write rows where they belong: HDF5 with contiguous datasets, or one array in NumPy's format.
#pragma once

#include "storage/dataset.hpp"
#include "storage/files.hpp"
#include "storage/posix.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace elbo::storage {

/// One of a file's arrays, (N, ...).
struct RowArray {
    std::string name; ///< HDF5's; NumPy's have none
    Shape shape;
    ElementType type;
    std::uint64_t offset = 0; ///< of its first byte in the file

    std::size_t row_bytes() const { return elements({shape.begin() + 1, shape.end()}) * bytes_of(type); }
};

/// What is said of a file as a whole: attributes, by name.
using FileTexts = std::vector<std::pair<std::string, std::string>>;

/// Made by one process, and written to by all through RowWriter: a file that appears whole at commit() or not at all.
class RowFile {
public:
    /// Space on the disk is taken ahead where the file system can do so. Throws Error where it cannot be written.
    static RowFile hdf5(const std::filesystem::path& file, std::vector<RowArray> arrays, const FileTexts& texts);
    static RowFile npy(const std::filesystem::path& file, RowArray array);

    /// Under which name RowWriter opens it.
    const std::filesystem::path& path() const { return pending_->path(); }
    const std::vector<RowArray>& arrays() const { return arrays_; }
    std::uint64_t bytes() const { return bytes_; }

    /// After all writers are finished.
    void commit() { pending_->commit(); }

private:
    explicit RowFile(const std::filesystem::path& file) : pending_(std::make_unique<PendingFile>(file)) {}

    std::unique_ptr<PendingFile> pending_;
    std::vector<RowArray> arrays_;
    std::uint64_t bytes_ = 0;
};

class RowWriter {
public:
    /// destination: the name in messages. Throws Error where the file is not there, or not as long as it was made.
    RowWriter(const std::filesystem::path& path, std::uint64_t bytes, std::string destination);

    /// Whole rows from number `first` on.
    void write(const RowArray& array, std::uint64_t first, std::span<const std::byte> rows);
    /// Everything is on the disk, or this throws Error.
    void finish();

private:
    void require(int code) const;

    std::string destination_;
    Descriptor file_;
};

} // namespace elbo::storage
