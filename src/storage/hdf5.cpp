// What the HDF5 files of storage/ share: the mutex, messages, opening, types and properties.
#include "storage/hdf5.hpp"

#include "base/verdict.hpp"
#include "storage/posix.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <string_view>
#include <unistd.h>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

std::recursive_mutex& hdf5_mutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

void prepare_library() {
    static const bool prepared = [] {
        // HDF5 locks files even for reading, which fails on read-only file systems and on NFS without a lock daemon.
        // elbo needs no such lock: its files appear by rename and are never changed afterwards.
        ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
        // Where files that others refer to are looked for: what was looked at first must be what HDF5 opens.
        for (const char* prefix : {"HDF5_EXT_PREFIX", "HDF5_VDS_PREFIX"}) ::unsetenv(prefix);
        ::setenv("HDF5_EXTFILE_PREFIX", "${ORIGIN}", 1); // raw data: beside the file, not in the working folder
        // Every handle is closed by its owner. What HDF5 could not flush to a full disk, its exit routine would try
        // again, and crash on (1.10).
        H5dont_atexit();
        return true;
    }();
    static_cast<void>(prepared);
}

herr_t take_first_message(unsigned, const H5E_error2_t* error, void* message) {
    auto& text = *static_cast<std::string*>(message);
    if (text.empty() && error->desc != nullptr) text = error->desc;
    return 0;
}

} // namespace

Hdf5Session::Hdf5Session() : lock_(hdf5_mutex()) {
    prepare_library();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::string hdf5_message() {
    std::string text;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first_message, &text);
    if (text.empty()) return "HDF5 gave no reason";
    // Where a call of the system failed, its reason stands among addresses and sizes.
    constexpr std::string_view marker = "errno = ";
    const std::size_t place = text.find(marker);
    if (place == std::string::npos) return text;
    const int code = std::atoi(text.c_str() + place + marker.size());
    return is_wrong_path(code) ? std::strerror(code) : write_message(code);
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

FileHandle open_for_reading(const fs::path& file) {
    std::error_code error;
    const fs::file_status status = fs::status(file, error);
    if (!fs::exists(status)) {
        reject("{}: {}", file.string(),
               error && status.type() != fs::file_type::not_found ? error.message() : "no such file");
    }
    if (fs::is_directory(status)) reject("{}: is a folder, expected an HDF5 file", file.string());
    if (::access(file.c_str(), R_OK) != 0) reject("{}: cannot be read: {}", file.string(), std::strerror(errno));
    if (!is_hdf5(file)) reject("{}: is no HDF5 file; `elbo convert` makes one from other formats", file.string());
    const hid_t id = H5Fopen(file.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    if (id < 0) {
        const std::string message = hdf5_message();
        const bool cut = message.find("truncated") != std::string::npos || message.find("eof") != std::string::npos;
        reject("{}: HDF5 cannot open it: {}{}", file.string(), message, cut ? "; is it cut short?" : "");
    }
    return {id, file.string()};
}

hid_t native_type(ElementType type) {
    switch (type) {
    case ElementType::u8:
        return H5T_NATIVE_UINT8;
    case ElementType::i8:
        return H5T_NATIVE_INT8;
    case ElementType::u16:
        return H5T_NATIVE_UINT16;
    case ElementType::i16:
        return H5T_NATIVE_INT16;
    case ElementType::u32:
        return H5T_NATIVE_UINT32;
    case ElementType::i32:
        return H5T_NATIVE_INT32;
    case ElementType::u64:
        return H5T_NATIVE_UINT64;
    case ElementType::i64:
        return H5T_NATIVE_INT64;
    case ElementType::f32:
        return H5T_NATIVE_FLOAT;
    case ElementType::f64:
        return H5T_NATIVE_DOUBLE;
    }
    fail("unknown element type {}", static_cast<int>(type));
}

TypeHandle text_type() {
    TypeHandle type(H5Tcopy(H5T_C_S1), "text type");
    checked(H5Tset_size(type.get(), H5T_VARIABLE), "text type");
    checked(H5Tset_cset(type.get(), H5T_CSET_UTF8), "text type");
    return type;
}

PropertiesHandle link_properties() {
    PropertiesHandle properties(H5Pcreate(H5P_LINK_CREATE), "link properties");
    checked(H5Pset_create_intermediate_group(properties.get(), 1), "link properties");
    return properties;
}

PropertiesHandle dataset_properties() {
    PropertiesHandle properties(H5Pcreate(H5P_DATASET_CREATE), "dataset properties");
    checked(H5Pset_obj_track_times(properties.get(), false), "dataset properties");
    return properties;
}

void write_text_attribute(hid_t object, const std::string& name, const std::string& value) {
    const std::string what = "attribute " + name;
    const TypeHandle type = text_type();
    const SpaceHandle space(H5Screate(H5S_SCALAR), what);
    const AttributeHandle attribute(H5Acreate2(object, name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
                                    what);
    const char* text = value.c_str();
    checked(H5Awrite(attribute.get(), type.get(), &text), what);
}

SpaceHandle simple_space(const Shape& shape) {
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    return {extents.empty() ? H5Screate(H5S_SCALAR)
                            : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
            "shape " + describe(shape)};
}

Shape shape_of(hid_t space) {
    const int rank = checked(H5Sget_simple_extent_ndims(space), "dataspace");
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    checked(H5Sget_simple_extent_dims(space, extents.data(), nullptr), "dataspace");
    return {extents.begin(), extents.end()};
}

namespace {

/// What a visit brings back; C++ exceptions must not cross HDF5's C frames.
struct Visit {
    std::vector<std::string> names;
    std::exception_ptr failure;

    herr_t note(std::string name) {
        try {
            names.push_back(std::move(name));
        } catch (...) {
            failure = std::current_exception();
            return -1;
        }
        return 0;
    }
    std::vector<std::string> result(herr_t status, const char* what) {
        if (failure) std::rethrow_exception(failure);
        checked(status, what);
        return std::move(names);
    }
};

herr_t note_dataset(hid_t, const char* name, const H5O_info_t* info, void* visit) {
    return info->type == H5O_TYPE_DATASET ? static_cast<Visit*>(visit)->note("/" + std::string(name)) : 0;
}

herr_t note_attribute(hid_t, const char* name, const H5A_info_t*, void* visit) {
    return static_cast<Visit*>(visit)->note(name);
}

} // namespace

std::vector<std::string> dataset_paths(hid_t file) {
    Visit visit;
#if H5_VERSION_GE(1, 12, 0)
    const herr_t status = H5Ovisit3(file, H5_INDEX_NAME, H5_ITER_INC, note_dataset, &visit, H5O_INFO_BASIC);
#else
    const herr_t status = H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, note_dataset, &visit);
#endif
    return visit.result(status, "list of datasets");
}

std::vector<std::string> attribute_names(hid_t object) {
    Visit visit;
    const herr_t status = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, note_attribute, &visit);
    return visit.result(status, "list of attributes");
}

std::string hdf5_version() {
    const Hdf5Session session;
    unsigned major = 0, minor = 0, release = 0;
    checked(H5get_libversion(&major, &minor, &release), "HDF5's version");
    return fmt::format("HDF5 {}.{}.{}", major, minor, release);
}

} // namespace elbo::storage
