#include "storage/rows.hpp"

#include <algorithm>

namespace elbo::storage {

namespace {

/// Uncompressed chunks are best read past the cache, straight into place; of compressed ones the cache keeps those that
/// two neighbouring rows lie in.
std::size_t chunk_cache_bytes(const DatasetInfo& info) {
    if (info.filters.empty()) return 0;
    constexpr std::size_t least = 1 << 20, most = 128 << 20;
    const std::size_t row_bytes = std::min(info.row_bytes(), most);
    return std::clamp(2 * row_bytes * std::min(info.chunk[0], most / row_bytes), least, most);
}

} // namespace

Rows::Rows(const Location& location, Outside outside) : file_(location.file, outside) {
    const std::string& name = location.dataset;
    const Target target = file_.target(name);
    dataset_ = file_.open(target, name);
    description_ = file_.describe(dataset_, target, name);
    if (!description_.problem.empty()) reject("{}: {} {}", location.file.string(), name, description_.problem);
    if (info().chunk.empty()) return;
    const PropertiesHandle access = file_.access();
    checked(H5Pset_chunk_cache(access.get(), H5D_CHUNK_CACHE_NSLOTS_DEFAULT, chunk_cache_bytes(info()), 1.0), name);
    dataset_.close(name);
    dataset_ = DatasetHandle(H5Dopen2(file_.get(), target.dataset.c_str(), access.get()), name);
}

void Rows::read(std::size_t begin, std::size_t count, std::span<std::byte> out) const {
    if (count == 0) return;
    const std::size_t rank = info().shape.size() - description_.inner.size();
    std::vector<hsize_t> start(rank),
        extent(info().shape.begin(), info().shape.begin() + static_cast<std::ptrdiff_t>(rank));
    start[0] = begin;
    extent[0] = count;
    const SpaceHandle stored(H5Dget_space(dataset_.get()), info().name);
    const SpaceHandle memory = simple_space({extent.begin(), extent.end()});
    checked(H5Sselect_hyperslab(stored.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr),
            info().name);
    if (H5Dread(dataset_.get(), description_.memory.get(), memory.get(), stored.get(), H5P_DEFAULT, out.data()) < 0) {
        reject("{}: {}: rows {} to {} cannot be read: {}; is the file damaged?", info().file, info().name, begin,
               begin + count, hdf5_message());
    }
}

} // namespace elbo::storage
