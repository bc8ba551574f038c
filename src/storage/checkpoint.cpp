// Checkpoints: an HDF5 file that never is a file while HDF5 has it. It is built in memory by the core driver, summed by
// XXH3-128, and read back the other way round: checksum first, HDF5 after.
#include "storage/checkpoint.hpp"

#include "base/error.hpp"
#include "storage/hdf5.hpp"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <string_view>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t user_block = 512;
constexpr std::string_view title = "elbo checkpoint\n";
constexpr std::string_view format_line = "format 1\n";

// The core driver asks these for its memory, so that the image lies in a vector of ours from the start and is never
// copied. The vector outlives the file.
void* image_allocate(std::size_t size, H5FD_file_image_op_t, void* vector) {
    auto& bytes = *static_cast<std::vector<std::byte>*>(vector);
    try {
        if (bytes.size() < size) bytes.resize(size);
    } catch (...) {
        return nullptr;
    }
    return bytes.data();
}
void* image_copy(void* to, const void* from, std::size_t size, H5FD_file_image_op_t, void*) {
    return to == from ? to : std::memcpy(to, from, size);
}
void* image_grow(void*, std::size_t size, H5FD_file_image_op_t operation, void* vector) {
    return image_allocate(size, operation, vector);
}
herr_t image_free(void*, H5FD_file_image_op_t, void*) { return 0; }
void* image_same(void* vector) { return vector; }
herr_t image_leave(void*) { return 0; }

/// Access properties of a file in memory that lies in `bytes`.
PropertiesHandle memory_file(std::vector<std::byte>& bytes) {
    PropertiesHandle access(H5Pcreate(H5P_FILE_ACCESS), "file in memory");
    checked(H5Pset_fapl_core(access.get(), 1 << 16, false), "file in memory");
    H5FD_file_image_callbacks_t callbacks = {image_allocate, image_copy,  image_grow, image_free,
                                             image_same,     image_leave, &bytes};
    checked(H5Pset_file_image_callbacks(access.get(), &callbacks), "file in memory");
    return access;
}

/// A name for a file in memory. HDF5 takes two open files of one name for the same, and refuses an image whose name
/// exists on disk: nothing exists below a name that is taken by no folder.
std::string memory_name() {
    static std::size_t count = 0;
    return fmt::format("/dev/null/elbo-checkpoint-{}", ++count);
}

std::string checksum(std::span<const std::byte> bytes) {
    const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string header(std::size_t bytes, std::string_view sum) {
    std::string text = fmt::format("{}{}bytes {}\nxxh3-128 {}\n", title, format_line, bytes, sum);
    text.resize(user_block, '\0');
    return text;
}

void write_array(hid_t file, const NamedArray<const float>& array) {
    if (elements(array.shape) != array.values.size()) {
        fail("checkpoint: {} of shape {} is given {} values", array.path, describe(array.shape), array.values.size());
    }
    const PropertiesHandle links = link_properties(), properties = dataset_properties();
    const SpaceHandle space = simple_space(array.shape);
    const DatasetHandle dataset(
        H5Dcreate2(file, array.path.c_str(), H5T_IEEE_F32LE, space.get(), links.get(), properties.get(), H5P_DEFAULT),
        array.path);
    checked(H5Dwrite(dataset.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()), array.path);
}

template <class T>
void write_number(hid_t object, const std::string& name, hid_t stored, hid_t memory, T value) {
    const SpaceHandle space(H5Screate(H5S_SCALAR), name);
    const AttributeHandle attribute(H5Acreate2(object, name.c_str(), stored, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                                    name);
    checked(H5Awrite(attribute.get(), memory, &value), name);
}

void write_state(hid_t object, const std::string& name, const StateValue& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        write_number(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, *integer);
    } else if (const auto* number = std::get_if<double>(&value)) {
        write_number(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, *number);
    } else {
        write_text_attribute(object, name, std::get<std::string>(value));
    }
}

void write_text(hid_t file, const CheckpointText& text) {
    const GroupHandle state(H5Gcreate2(file, "/state", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "/state");
    for (const auto& [name, value] : text.state) write_state(state.get(), name, value);
    const GroupHandle about(H5Gcreate2(file, "/about", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "/about");
    for (const auto& [name, value] : text.about) write_text_attribute(about.get(), name, value);

    const TypeHandle type = text_type();
    const SpaceHandle space(H5Screate(H5S_SCALAR), "/configuration");
    const PropertiesHandle properties = dataset_properties();
    const DatasetHandle configuration(
        H5Dcreate2(file, "/configuration", type.get(), space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
        "/configuration");
    const char* value = text.configuration.c_str();
    checked(H5Dwrite(configuration.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, &value), "/configuration");
}

/// The header's values, as far as they can be read; what is wrong with the rest shows when it is compared whole.
struct Promise {
    std::size_t bytes = 0;
    std::string sum;
};

Promise read_header(const std::string& file, std::string_view text) {
    if (!text.starts_with(title)) reject("{}: is no checkpoint of elbo", file);
    text.remove_prefix(title.size());
    if (!text.starts_with(format_line)) {
        reject("{}: is a checkpoint in \"{}\", this elbo reads \"{}\"", file, text.substr(0, text.find('\n')),
               format_line.substr(0, format_line.size() - 1));
    }
    text.remove_prefix(format_line.size());
    Promise promise;
    constexpr std::string_view bytes_word = "bytes ", sum_word = "\nxxh3-128 ";
    if (text.starts_with(bytes_word)) {
        const char* end = text.data() + text.size();
        const auto [after, error] = std::from_chars(text.data() + bytes_word.size(), end, promise.bytes);
        const std::string_view rest(after, static_cast<std::size_t>(end - after));
        if (error == std::errc() && rest.starts_with(sum_word)) promise.sum = rest.substr(sum_word.size(), 32);
    }
    if (promise.sum.size() != 32) reject("{}: the checkpoint's header is damaged", file);
    return promise;
}

/// The whole file, verified.
std::vector<std::byte> read_verified(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::error_code error;
    const std::size_t size = fs::file_size(path, error);
    if (!file || error) {
        reject("{}: cannot be read: {}", path.string(), error ? error.message() : "is it readable for you?");
    }
    std::string found(user_block, '\0');
    file.read(found.data(), user_block);
    found.resize(static_cast<std::size_t>(file.gcount()));
    const Promise promise = read_header(path.string(), found);
    const std::size_t present = size - std::min(size, user_block);
    if (present != promise.bytes) {
        reject("{}: the checkpoint is {}: its header promises {} bytes after the first {}, the file has {}",
               path.string(), present < promise.bytes ? "cut short" : "damaged", promise.bytes, user_block, present);
    }
    std::vector<std::byte> bytes(size);
    file.seekg(0);
    if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
        reject("{}: cannot be read to its end", path.string());
    }
    const std::string sum = checksum(std::span(bytes).subspan(user_block));
    if (sum != promise.sum) {
        reject("{}: the checkpoint is damaged: checksum {}, its header says {}", path.string(), sum, promise.sum);
    }
    if (found != header(promise.bytes, sum)) reject("{}: the checkpoint's header is damaged", path.string());
    return bytes;
}

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

} // namespace

std::vector<std::byte> checkpoint_image(std::span<const NamedArray<const float>> arrays, const CheckpointText& text) {
    const Hdf5Session session;
    std::vector<std::byte> bytes;
    std::size_t expected = 1 << 20;
    for (const auto& array : arrays) expected += array.values.size_bytes() + 1024;
    bytes.reserve(expected);
    const PropertiesHandle access = memory_file(bytes);
    const PropertiesHandle creation(H5Pcreate(H5P_FILE_CREATE), "checkpoint");
    checked(H5Pset_userblock(creation.get(), user_block), "checkpoint");
    FileHandle file(H5Fcreate(memory_name().c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), "checkpoint");
    for (const auto& array : arrays) write_array(file.get(), array);
    write_text(file.get(), text);
    checked(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "checkpoint");
    const ssize_t length = checked(H5Fget_file_image(file.get(), nullptr, 0), "checkpoint");
    file.close("checkpoint");
    bytes.resize(user_block + static_cast<std::size_t>(length));
    const auto contents = std::span<const std::byte>(bytes).subspan(user_block);
    const std::string head = header(contents.size(), checksum(contents));
    std::memcpy(bytes.data(), head.data(), user_block);
    return bytes;
}

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
        if (name == "/configuration") continue;
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

std::int64_t CheckpointReader::integer(const std::string& key) const {
    return state_value<std::int64_t>(path_, text_, key, "integer");
}

double CheckpointReader::number(const std::string& key) const {
    return state_value<double>(path_, text_, key, "number");
}

const std::string& CheckpointReader::string(const std::string& key) const {
    return state_value<std::string>(path_, text_, key, "text");
}

bool is_checkpoint(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string found(title.size(), '\0');
    return file.read(found.data(), static_cast<std::streamsize>(found.size())) && found == title;
}

} // namespace elbo::storage
