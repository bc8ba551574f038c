// Checkpoints read: the checksum first (checkpoint_seal.cpp), HDF5 after, in the memory that was summed.
#include "storage/checkpoint.hpp"

#include "base/error.hpp"
#include "storage/checkpoint_seal.hpp"
#include "storage/memory_file.hpp"

#include <string_view>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// Datasets below it are series of numbers, and no arrays of the model.
constexpr std::string_view state_folder = "/state/";

std::string read_variable_text(hid_t type, const std::string& where, const auto& read) {
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0) {
        reject("{}: expected text of variable length", where);
    }
    char* text = nullptr;
    checked(read(static_cast<void*>(&text)), where);
    const std::string value = text == nullptr ? "" : text;
    H5free_memory(text);
    return value;
}

StateValue read_value(hid_t object, const std::string& name) {
    const AttributeHandle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), name);
    const SpaceHandle space(H5Aget_space(attribute.get()), name);
    if (H5Sget_simple_extent_npoints(space.get()) != 1) reject("attribute {}: expected one value", name);
    const TypeHandle stored(H5Aget_type(attribute.get()), name);
    if (H5Tget_class(stored.get()) == H5T_INTEGER) {
        std::int64_t value = 0;
        checked(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), name);
        return value;
    }
    if (H5Tget_class(stored.get()) == H5T_FLOAT) {
        double value = 0;
        checked(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value), name);
        return value;
    }
    const TypeHandle memory = text_type();
    return read_variable_text(stored.get(), "attribute " + name,
                              [&](void* to) { return H5Aread(attribute.get(), memory.get(), to); });
}

std::map<std::string, StateValue> read_attributes(hid_t file, const char* group_name) {
    const GroupHandle group(H5Gopen2(file, group_name, H5P_DEFAULT), group_name);
    std::map<std::string, StateValue> values;
    for (const std::string& name : attribute_names(group.get())) values.emplace(name, read_value(group.get(), name));
    return values;
}

std::string read_configuration(hid_t file) {
    const DatasetHandle dataset(H5Dopen2(file, "/configuration", H5P_DEFAULT), "/configuration");
    const TypeHandle stored(H5Dget_type(dataset.get()), "/configuration"), memory = text_type();
    return read_variable_text(stored.get(), "/configuration", [&](void* to) {
        return H5Dread(dataset.get(), memory.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, to);
    });
}

std::vector<double> read_series(hid_t file, const std::string& path) {
    const DatasetHandle dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), path);
    const SpaceHandle space(H5Dget_space(dataset.get()), path);
    const Shape shape = shape_of(space.get());
    // Contiguous data takes its room in the file: what says more than that is no file of ours.
    const std::size_t stored = H5Dget_storage_size(dataset.get());
    if (shape.size() != 1 || shape[0] > stored / sizeof(double)) {
        reject("{}: is {} of {} bytes, expected a row of float64", path, describe(shape), stored);
    }
    std::vector<double> values(shape[0]);
    checked(H5Dread(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), path);
    return values;
}

} // namespace

CheckpointReader::CheckpointReader(const fs::path& file) : path_(file), bytes_(read_verified(file)) {
    const Hdf5Session session;
    const PropertiesHandle access = memory_file(bytes_);
    checked(H5Pset_file_image(access.get(), bytes_.data(), bytes_.size()), path_.string());
    FileHandle opened(H5Fopen(memory_name().c_str(), H5F_ACC_RDONLY, access.get()), path_.string());
    text_.state = read_attributes(opened.get(), "/state");
    for (auto& [name, value] : read_attributes(opened.get(), "/about")) {
        if (auto* words = std::get_if<std::string>(&value)) text_.about.emplace(name, std::move(*words));
    }
    text_.configuration = read_configuration(opened.get());
    for (const std::string& name : dataset_paths(opened.get())) {
        if (!name.starts_with(state_folder)) continue;
        text_.series.emplace(name.substr(state_folder.size()), read_series(opened.get(), name));
    }
    file_ = opened.release();
}

CheckpointReader::~CheckpointReader() {
    const Hdf5Session session;
    H5Fclose(file_);
}

std::vector<ArrayInfo> CheckpointReader::arrays() const {
    const Hdf5Session session;
    std::vector<ArrayInfo> list;
    for (const std::string& name : dataset_paths(file_)) {
        if (name == "/configuration" || name.starts_with(state_folder)) continue;
        const DatasetHandle dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), name);
        const SpaceHandle space(H5Dget_space(dataset.get()), name);
        list.push_back({name, shape_of(space.get())});
    }
    return list;
}

void CheckpointReader::read(std::span<const NamedArray<float>> arrays) const {
    const Hdf5Session session;
    for (const auto& array : arrays) {
        const std::string where = fmt::format("{}: {}", path_.string(), array.path);
        const hid_t id = H5Dopen2(file_, array.path.c_str(), H5P_DEFAULT);
        if (id < 0) reject("{}: no such array in the checkpoint, expected {}", where, describe(array.shape));
        const DatasetHandle dataset(id, where);
        const SpaceHandle space(H5Dget_space(id), where);
        const Shape found = shape_of(space.get());
        if (found != array.shape) reject("{}: is {}, expected {}", where, describe(found), describe(array.shape));
        if (elements(found) != array.values.size()) {
            fail("{}: {} elements are read into {}", where, elements(found), array.values.size());
        }
        checked(H5Dread(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()), where);
    }
}

namespace {

template <class T>
const T& state_value(const fs::path& path, const CheckpointText& text, const std::string& key, std::string_view kind) {
    const auto found = text.state.find(key);
    if (found == text.state.end()) reject("{}: the checkpoint's state has no {}", path.string(), key);
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) reject("{}: {} of the checkpoint's state is no {}", path.string(), key, kind);
    return *value;
}

} // namespace

bool CheckpointReader::has(const std::string& key) const { return text_.state.contains(key); }

std::int64_t CheckpointReader::integer(const std::string& key) const {
    return state_value<std::int64_t>(path_, text_, key, "integer");
}

double CheckpointReader::number(const std::string& key) const {
    return state_value<double>(path_, text_, key, "number");
}

const std::string& CheckpointReader::string(const std::string& key) const {
    return state_value<std::string>(path_, text_, key, "text");
}

} // namespace elbo::storage
