// Datasets in HDF5 files, written: a file that appears whole at commit() or not at all.
#include "base/error.hpp"
#include "base/text.hpp"
#include "storage/dataset.hpp"
#include "storage/files.hpp"
#include "storage/hdf5.hpp"
#include "storage/posix.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// h5py's own choice: higher ones take much longer for little.
constexpr unsigned gzip_level = 4;

/// What HDF5 needs besides arrays, and more: names, attributes, and where their chunks are.
std::size_t metadata_room(std::size_t array_bytes) {
    constexpr std::size_t least = 64 << 10, most = 1 << 20;
    return std::clamp(array_bytes / 16, least, most);
}

/// Before HDF5 has anything to flush: after a full disk it may crash.
void reserve(const fs::path& temporary, const fs::path& destination, std::size_t bytes) {
    const Descriptor file(::open(temporary.c_str(), O_RDWR | O_CLOEXEC));
    if (!file) fail("{}: cannot be written: {}", destination.string(), std::strerror(errno));
    if (const int code = reserve_space(file.get(), bytes); code != 0)
        fail("{}: needs {} of disk: {}; free some space and run again", destination.string(),
             human_bytes(static_cast<double>(bytes)), std::strerror(code));
}

/// Gives back what was reserved behind the file's end.
void return_space(const fs::path& temporary) {
    struct stat status;
    if (::stat(temporary.c_str(), &status) != 0) return;
    [[maybe_unused]] const int ignored = ::truncate(temporary.c_str(), status.st_size);
}

} // namespace

std::size_t chunk_rows(const Shape& shape, ElementType type) {
    constexpr std::size_t chunk_bytes = 1 << 20;
    const std::size_t row_bytes = elements({shape.begin() + 1, shape.end()}) * bytes_of(type);
    return std::clamp<std::size_t>(chunk_bytes / std::max<std::size_t>(row_bytes, 1), 1, shape.at(0));
}

struct DatasetFileWriter::State {
    struct Dataset {
        Shape shape;
        ElementType type;
        DatasetHandle handle;
        std::size_t written = 0;
    };

    fs::path destination;
    PendingFile pending; ///< outlives the handles below: the file is closed before it is removed
    FileHandle file;
    std::map<std::string, Dataset> datasets;
    std::size_t array_bytes = 0;
    Compression compression;

    State(const fs::path& path, Compression how) : destination(path), pending(path), compression(how) {}
    std::string where(const std::string& dataset) const { return destination.string() + ":" + dataset; }
};

DatasetFileWriter::DatasetFileWriter(const fs::path& file, Compression compression)
    : state_(std::make_unique<State>(file, compression)) {
    const Hdf5Session session;
    state_->file = FileHandle(H5Fcreate(state_->pending.path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                              file.string() + ": cannot be written");
}

DatasetFileWriter::~DatasetFileWriter() {
    const Hdf5Session session;
    state_.reset();
}

void DatasetFileWriter::create(const std::string& dataset, const Shape& shape, ElementType type) {
    const std::string where = state_->where(dataset);
    if (shape.empty() || elements(shape) == 0) fail("{}: a dataset needs rows, got {}", where, describe(shape));
    const bool compressed = state_->compression == Compression::gzip;
    if (!compressed) { // else nobody knows how much it will be
        state_->array_bytes += elements(shape) * bytes_of(type);
        reserve(state_->pending.path(), state_->destination, state_->array_bytes + metadata_room(state_->array_bytes));
    }
    const Hdf5Session session;
    const PropertiesHandle links = link_properties(), properties = dataset_properties();
    const SpaceHandle space = simple_space(shape);
    std::vector<hsize_t> chunk(shape.begin(), shape.end());
    chunk[0] = chunk_rows(shape, type);
    checked(H5Pset_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data()), where);
    if (compressed) {
        checked(H5Pset_shuffle(properties.get()), where);
        checked(H5Pset_deflate(properties.get(), gzip_level), where);
    }
    DatasetHandle handle(H5Dcreate2(state_->file.get(), dataset.c_str(), native_type(type), space.get(), links.get(),
                                    properties.get(), H5P_DEFAULT),
                         where);
    state_->datasets.emplace(dataset, State::Dataset{shape, type, std::move(handle)});
}

void DatasetFileWriter::write_rows(const std::string& dataset, std::size_t begin, std::size_t count,
                                   std::span<const std::byte> rows) {
    const std::string where = state_->where(dataset);
    const auto found = state_->datasets.find(dataset);
    if (found == state_->datasets.end()) fail("{}: written before it was created", where);
    State::Dataset& target = found->second;
    const std::size_t total = target.shape[0], row_bytes = elements(target.shape) / total * bytes_of(target.type);
    if (begin > total || count > total - begin || rows.size() != count * row_bytes) {
        fail("{}: {} bytes for rows {} to {} of {} rows of {} bytes", where, rows.size(), begin, begin + count, total,
             row_bytes);
    }
    const Hdf5Session session;
    Shape part = target.shape;
    part[0] = count;
    std::vector<hsize_t> start(part.size()), extent(part.begin(), part.end());
    start[0] = begin;
    const SpaceHandle memory = simple_space(part), stored = simple_space(target.shape);
    checked(H5Sselect_hyperslab(stored.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr), where);
    checked(
        H5Dwrite(target.handle.get(), native_type(target.type), memory.get(), stored.get(), H5P_DEFAULT, rows.data()),
        where + ": cannot be written");
    target.written += count;
}

void DatasetFileWriter::attribute(const std::string& dataset, const std::string& name, const std::string& value) {
    const Hdf5Session session;
    const ObjectHandle object(H5Oopen(state_->file.get(), dataset.c_str(), H5P_DEFAULT), state_->where(dataset));
    write_text_attribute(object.get(), name, value);
}

void DatasetFileWriter::commit() {
    for (const auto& [name, dataset] : state_->datasets) {
        if (dataset.written != dataset.shape[0]) {
            fail("{}: {} of {} rows written", state_->where(name), dataset.written, dataset.shape[0]);
        }
    }
    const Hdf5Session session;
    for (auto& [name, dataset] : state_->datasets) dataset.handle.close(state_->where(name));
    checked(H5Fflush(state_->file.get(), H5F_SCOPE_GLOBAL), state_->destination.string() + ": cannot be written");
    state_->file.close(state_->destination.string() + ": cannot be written");
    return_space(state_->pending.path());
    state_->pending.commit();
}

} // namespace elbo::storage
