#include "data/source.hpp"

#include "base/error.hpp"

#include <filesystem>
#include <utility>
#include <vector>

namespace elbo::data {

Source::Source(storage::DatasetReader reader)
    : reader_(std::move(reader)), unchanged_(std::vector<std::filesystem::path>{reader_.info().file}) {}

void Source::read(Range rows, std::span<std::byte> out) const {
    try {
        reader_.read_rows(rows.begin, rows.size(), out);
    } catch (const InputError&) {
        unchanged_.require(); // says more than HDF5 can
        throw;
    }
    bytes_.fetch_add(out.size(), std::memory_order_relaxed);
}

} // namespace elbo::data
