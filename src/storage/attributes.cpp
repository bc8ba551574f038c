#include "storage/attributes.hpp"

#include "storage/hdf5.hpp"

namespace elbo::storage {

std::optional<std::string> text_attribute(const std::filesystem::path& file, const std::string& object,
                                          const std::string& name) {
    const Hdf5Session session;
    const FileHandle handle = open_for_reading(file);
    if (H5Aexists_by_name(handle.get(), object.c_str(), name.c_str(), H5P_DEFAULT) <= 0) return {};
    const AttributeHandle attribute(
        H5Aopen_by_name(handle.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), name);
    const TypeHandle type(H5Aget_type(attribute.get()), name);
    const SpaceHandle space(H5Aget_space(attribute.get()), name);
    if (H5Tget_class(type.get()) != H5T_STRING || H5Sget_simple_extent_npoints(space.get()) != 1) return {};
    if (checked(H5Tis_variable_str(type.get()), name) == 0) {
        std::string text(H5Tget_size(type.get()), '\0');
        checked(H5Aread(attribute.get(), type.get(), text.data()), name);
        return text.substr(0, text.find('\0'));
    }
    char* own = nullptr;
    checked(H5Aread(attribute.get(), type.get(), static_cast<void*>(&own)), name);
    const std::string text = own != nullptr ? own : "";
    checked(H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, static_cast<void*>(&own)), name);
    return text;
}

} // namespace elbo::storage
