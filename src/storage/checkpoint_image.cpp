// Checkpoints in memory: HDF5 writes the file's image into a vector.
#include "base/error.hpp"
#include "storage/checkpoint.hpp"
#include "storage/checkpoint_seal.hpp"
#include "storage/memory_file.hpp"

#include <algorithm>

namespace elbo::storage {

namespace {

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

void write_series(hid_t state, const std::string& name, const std::vector<double>& values) {
    const PropertiesHandle properties = dataset_properties();
    const SpaceHandle space = simple_space({values.size()});
    const DatasetHandle dataset(
        H5Dcreate2(state, name.c_str(), H5T_IEEE_F64LE, space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT), name);
    checked(H5Dwrite(dataset.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
}

void write_text(hid_t file, const CheckpointText& text) {
    const GroupHandle state(H5Gcreate2(file, "/state", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "/state");
    for (const auto& [name, value] : text.state) write_state(state.get(), name, value);
    for (const auto& [name, values] : text.series) write_series(state.get(), name, values);
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

} // namespace

void build_checkpoint(std::vector<std::byte>& image, std::span<const NamedArray<const float>> arrays,
                      const CheckpointText& text) {
    const Hdf5Session session;
    std::size_t expected = 1 << 20;
    for (const auto& array : arrays) expected += array.values.size_bytes() + 1024;
    image.reserve(expected);
    const PropertiesHandle access = memory_file(image);
    const PropertiesHandle creation(H5Pcreate(H5P_FILE_CREATE), "checkpoint");
    checked(H5Pset_userblock(creation.get(), checkpoint_user_block), "checkpoint");
    FileHandle file(H5Fcreate(memory_name().c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), "checkpoint");
    for (const auto& array : arrays) write_array(file.get(), array);
    write_text(file.get(), text);
    checked(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "checkpoint");
    const ssize_t length = checked(H5Fget_file_image(file.get(), nullptr, 0), "checkpoint");
    file.close("checkpoint");
    image.resize(checkpoint_user_block + static_cast<std::size_t>(length));
    // What the memory held before is no part of the file.
    std::fill_n(image.begin(), checkpoint_user_block, std::byte{0});
}

std::vector<std::byte> checkpoint_image(std::span<const NamedArray<const float>> arrays, const CheckpointText& text) {
    std::vector<std::byte> image;
    build_checkpoint(image, arrays, text);
    seal_checkpoint(image);
    return image;
}

} // namespace elbo::storage
