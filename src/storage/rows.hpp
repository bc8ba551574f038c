// The rows of one dataset of one file. Internal to storage.
#pragma once

#include "storage/open_file.hpp"

#include <cstddef>
#include <span>

namespace elbo::storage {

class Rows {
public:
    /// Throws InputError as DatasetReader does. The session must be held, here and wherever it is used.
    Rows(const Location& location, Outside outside);

    const DatasetInfo& info() const { return description_.info; }

    /// Rows [begin, begin + count) into out, which has room for just these.
    void read(std::size_t begin, std::size_t count, std::span<std::byte> out) const;

private:
    OpenFile file_;
    DatasetHandle dataset_;
    Description description_;
};

} // namespace elbo::storage
