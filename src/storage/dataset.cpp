// Datasets in HDF5 files, read: finding them, listing them, rows in their memory type.
#include "storage/dataset.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/description.hpp"
#include "storage/hdf5.hpp"

#include <algorithm>
#include <array>
#include <fstream>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// Datasets named in a message before "and 30 more".
constexpr std::size_t most_named = 12;

/// A file open for reading, and what its header calls.
struct OpenFile {
    fs::path path;
    FileHandle handle;
    std::size_t bytes;

    explicit OpenFile(const fs::path& file) : path(file), handle(open_for_reading(file)), bytes(fs::file_size(file)) {}

    Description describe_one(const std::string& name) const {
        const DatasetHandle dataset(H5Dopen2(handle.get(), name.c_str(), H5P_DEFAULT), path.string() + ":" + name);
        return describe_dataset(dataset.get(), path.string(), name, bytes);
    }
};

/// "it holds /train/x (60000 x 28 x 28, uint8), /train/y (60000, uint8)".
std::string contents(const OpenFile& file, const std::vector<std::string>& paths) {
    if (paths.empty()) return "it holds no dataset";
    std::string text = "it holds ";
    for (std::size_t i = 0; i < paths.size() && i < most_named; ++i) {
        text += (i > 0 ? ", " : "") + summary(file.describe_one(paths[i]).info);
    }
    if (paths.size() > most_named) text += fmt::format(" and {} more", paths.size() - most_named);
    return text;
}

[[noreturn]] void reject_missing(const OpenFile& file, const std::string& dataset) {
    const std::vector<std::string> paths = dataset_paths(file.handle.get());
    const std::vector<std::string_view> words(paths.begin(), paths.end());
    const std::string_view close = nearest(dataset, words);
    reject("{}: no dataset {}; {}{}", file.path.string(), dataset, contents(file, paths),
           close.empty() ? "" : fmt::format("; did you mean {}?", close));
}

/// Throws InputError where the file has no such dataset.
DatasetHandle open_dataset(const OpenFile& file, const std::string& dataset) {
    const hid_t id = H5Oopen(file.handle.get(), dataset.c_str(), H5P_DEFAULT);
    if (id < 0) {
        const std::string message = hdf5_message();
        const std::vector<std::string> paths = dataset_paths(file.handle.get());
        if (std::find(paths.begin(), paths.end(), dataset) == paths.end()) reject_missing(file, dataset);
        reject("{}: {} cannot be opened: {}", file.path.string(), dataset, message);
    }
    const ObjectHandle object(id, dataset);
    if (H5Iget_type(id) != H5I_DATASET) {
        reject("{}: {} is a group, expected a dataset; {}", file.path.string(), dataset,
               contents(file, dataset_paths(file.handle.get())));
    }
    return {H5Dopen2(file.handle.get(), dataset.c_str(), H5P_DEFAULT), dataset};
}

bool holds_dataset(const OpenFile& file, const std::string& dataset) {
    const hid_t id = H5Oopen(file.handle.get(), dataset.c_str(), H5P_DEFAULT);
    if (id < 0) return false;
    const ObjectHandle object(id, dataset);
    return H5Iget_type(id) == H5I_DATASET;
}

/// Uncompressed chunks are best read past the cache, straight into place; of compressed ones the cache keeps those that
/// two neighbouring rows lie in.
std::size_t chunk_cache_bytes(hid_t dataset, const DatasetInfo& info) {
    const PropertiesHandle properties(H5Dget_create_plist(dataset), info.name);
    if (H5Pget_nfilters(properties.get()) == 0) return 0;
    constexpr std::size_t least = 1 << 20, most = 128 << 20;
    const std::size_t row_bytes = std::min(info.row_bytes(), most);
    return std::clamp(2 * row_bytes * std::min(info.chunk[0], most / row_bytes), least, most);
}

} // namespace

Location locate(const std::string& text, std::string_view preferred) {
    std::error_code ignored;
    const std::size_t colon = fs::exists(text, ignored) ? std::string::npos : text.rfind(":/");
    Location location{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
    const Hdf5Session session;
    const OpenFile file(location.file);
    if (!location.dataset.empty()) {
        open_dataset(file, location.dataset);
        return location;
    }
    location.dataset = preferred;
    if (!preferred.empty() && holds_dataset(file, location.dataset)) return location;

    const std::vector<std::string> paths = dataset_paths(file.handle.get());
    std::vector<std::string> candidates;
    for (const std::string& path : paths) {
        const Description description = file.describe_one(path);
        if (description.problem.empty() && description.info.shape.size() >= 2) candidates.push_back(path);
    }
    if (candidates.empty()) {
        reject("{}: no dataset of numbers in rows (N, ...) to take; {}", text, contents(file, paths));
    }
    if (candidates.size() > 1) {
        reject("{}: which dataset is not clear; {}; say for instance {}:{}", text, contents(file, paths), text,
               candidates.front());
    }
    location.dataset = candidates.front();
    return location;
}

std::vector<DatasetInfo> list_datasets(const fs::path& path) {
    const Hdf5Session session;
    const OpenFile file(path);
    std::vector<DatasetInfo> list;
    for (const std::string& name : dataset_paths(file.handle.get())) {
        Description description = file.describe_one(name);
        if (description.problem.empty()) list.push_back(std::move(description.info));
    }
    return list;
}

bool is_hdf5(const fs::path& path) {
    constexpr std::array<char, 8> signature = {'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
    std::ifstream file(path, std::ios::binary);
    // The signature stands at 0, or behind a user block at 512, 1024, 2048 ...
    for (std::streamoff offset = 0; file; offset = offset == 0 ? 512 : 2 * offset) {
        std::array<char, 8> found{};
        file.seekg(offset);
        if (file.read(found.data(), found.size()) && found == signature) return true;
    }
    return false;
}

struct DatasetReader::State {
    FileHandle file;
    DatasetHandle dataset;
    DatasetInfo info;
};

DatasetReader::DatasetReader(const fs::path& path, const std::string& name) {
    const Hdf5Session session;
    OpenFile file(path);
    DatasetHandle dataset = open_dataset(file, name);
    Description description = describe_dataset(dataset.get(), path.string(), name, file.bytes);
    if (!description.problem.empty()) reject("{}: {} {}", path.string(), name, description.problem);
    const DatasetInfo& info = description.info;
    if (!info.chunk.empty()) {
        const std::size_t cache = chunk_cache_bytes(dataset.get(), info);
        const PropertiesHandle access(H5Pcreate(H5P_DATASET_ACCESS), name);
        checked(H5Pset_chunk_cache(access.get(), H5D_CHUNK_CACHE_NSLOTS_DEFAULT, cache, 1.0), name);
        dataset.close(name);
        dataset = DatasetHandle(H5Dopen2(file.handle.get(), name.c_str(), access.get()), name);
    }
    state_ = std::make_unique<State>(State{std::move(file.handle), std::move(dataset), std::move(description.info)});
}

DatasetReader::~DatasetReader() {
    if (!state_) return;
    const Hdf5Session session;
    state_.reset();
}

DatasetReader::DatasetReader(DatasetReader&&) noexcept = default;

const DatasetInfo& DatasetReader::info() const { return state_->info; }

void DatasetReader::read_rows(std::size_t begin, std::size_t count, std::span<std::byte> out) const {
    const DatasetInfo& info = state_->info;
    if (begin > info.rows() || count > info.rows() - begin) {
        fail("{}: {}: rows {} to {} asked for, it has {}", info.file, info.name, begin, begin + count, info.rows());
    }
    if (out.size() != count * info.row_bytes()) {
        fail("{}: {}: {} rows of {} bytes asked for into {} bytes", info.file, info.name, count, info.row_bytes(),
             out.size());
    }
    if (count == 0) return;
    const Hdf5Session session;
    std::vector<hsize_t> start(info.shape.size()), extent(info.shape.begin(), info.shape.end());
    start[0] = begin;
    extent[0] = count;
    const SpaceHandle stored(H5Dget_space(state_->dataset.get()), info.name);
    const SpaceHandle memory = simple_space({extent.begin(), extent.end()});
    checked(H5Sselect_hyperslab(stored.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr),
            info.name);
    if (H5Dread(state_->dataset.get(), native_type(info.type), memory.get(), stored.get(), H5P_DEFAULT, out.data()) <
        0) {
        reject("{}: {}: rows {} to {} cannot be read: {}; is the file damaged?", info.file, info.name, begin,
               begin + count, hdf5_message());
    }
}

} // namespace elbo::storage
