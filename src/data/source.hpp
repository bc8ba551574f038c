// Rows of a dataset as they lie in its file, for those who do not have it in memory.
#pragma once

#include "data/plan.hpp"
#include "data/split.hpp"
#include "storage/dataset.hpp"
#include "storage/unchanged.hpp"

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace elbo::data {

/// One part of a split.
struct Selection {
    Split split;
    Split::Part part;
    std::uint64_t size() const { return split.size(part); }
    std::uint64_t row(std::uint64_t number) const { return split.row(part, number); }
};

/// Any thread may read: HDF5 lets one at a time. From its construction on the file must stay as it is.
class Source {
public:
    /// Where rows are selected, these are all that it has, numbered from 0 on.
    explicit Source(storage::DatasetReader reader, std::optional<Selection> selection = {});

    const storage::DatasetInfo& info() const { return info_; }
    /// Of all rows of the file.
    const storage::DatasetInfo& file_info() const { return reader_.info(); }
    /// "a.h5:/x: row 17", as the file counts.
    std::string where(std::uint64_t row) const;

    /// Rows [begin, end) in memory type. Throws InputError where they cannot be read, which names the file and how it
    /// has changed, if it has.
    void read(Range rows, std::span<std::byte> out) const;

    /// Throws InputError where the file is no longer what it was.
    void require_unchanged() const { unchanged_.require(); }

    std::uint64_t bytes_read() const { return bytes_.load(std::memory_order_relaxed); }

private:
    void read_selected(Range rows, std::span<std::byte> out) const;

    storage::DatasetReader reader_;
    std::optional<Selection> selection_;
    storage::DatasetInfo info_;
    storage::Unchanged unchanged_;
    mutable std::atomic<std::uint64_t> bytes_{0}; ///< handed out, in memory type
};

} // namespace elbo::data
