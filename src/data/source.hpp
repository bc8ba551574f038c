// Rows of a dataset as they lie in its file, for those who do not have it in memory.
#pragma once

#include "data/plan.hpp"
#include "storage/dataset.hpp"
#include "storage/unchanged.hpp"

#include <atomic>
#include <cstdint>
#include <span>

namespace elbo::data {

/// Any thread may read: HDF5 lets one at a time. From its construction on the file must stay as it is.
class Source {
public:
    explicit Source(storage::DatasetReader reader);

    const storage::DatasetInfo& info() const { return reader_.info(); }

    /// Rows [begin, end) in memory type. Throws InputError where they cannot be read, which names the file and how it
    /// has changed, if it has.
    void read(Range rows, std::span<std::byte> out) const;

    /// Throws InputError where the file is no longer what it was.
    void require_unchanged() const { unchanged_.require(); }

    std::uint64_t bytes_read() const { return bytes_.load(std::memory_order_relaxed); }

private:
    storage::DatasetReader reader_;
    storage::Unchanged unchanged_;
    mutable std::atomic<std::uint64_t> bytes_{0}; ///< handed out, in memory type
};

} // namespace elbo::data
