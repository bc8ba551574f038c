// What a dataset's header says: shape, element type in memory and as stored, chunks, and whether it can be true.
#include "storage/description.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>

namespace elbo::storage {

namespace {

/// More than any compressor makes of data worth learning (gzip's limit is 1032): a larger ratio of a dataset's size to
/// what is stored of it is a damaged or hostile header.
constexpr std::size_t largest_compression = 4096;

struct ElementFacts {
    std::size_t bytes;
    std::string_view name;
};

/// In the order of ElementType.
constexpr std::array<ElementFacts, 10> element_facts = {{
    {1, "uint8"},
    {1, "int8"},
    {2, "uint16"},
    {2, "int16"},
    {4, "uint32"},
    {4, "int32"},
    {8, "uint64"},
    {8, "int64"},
    {4, "float32"},
    {8, "float64"},
}};

const ElementFacts& facts(ElementType type) { return element_facts.at(static_cast<std::size_t>(type)); }

/// Bytes of all elements; nothing where that does not fit in 63 bits.
std::optional<std::size_t> bytes_in(const Shape& shape, std::size_t element_bytes) {
    std::size_t bytes = element_bytes;
    for (const std::size_t extent : shape) {
        if (__builtin_mul_overflow(bytes, extent, &bytes)) return {};
    }
    if (bytes > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) return {};
    return bytes;
}

/// h5py stores bool as an enumeration of FALSE and TRUE.
bool is_boolean(hid_t type) {
    return H5Tget_nmembers(type) == 2 && H5Tget_member_index(type, "FALSE") >= 0 &&
           H5Tget_member_index(type, "TRUE") >= 0;
}

std::string_view describe_class(H5T_class_t type_class) {
    switch (type_class) {
    case H5T_STRING:
        return "text";
    case H5T_COMPOUND:
        return "compound records";
    case H5T_REFERENCE:
        return "references";
    case H5T_ENUM:
        return "an enumeration";
    case H5T_ARRAY:
        return "array elements";
    case H5T_VLEN:
        return "rows of varying length";
    default:
        return "elements of a type unknown to elbo";
    }
}

ElementType integer_type(std::size_t bytes, bool is_signed) {
    using enum ElementType;
    if (bytes == 1) return is_signed ? i8 : u8;
    if (bytes == 2) return is_signed ? i16 : u16;
    if (bytes <= 4) return is_signed ? i32 : u32;
    return is_signed ? i64 : u64;
}

/// Fills type and stored, or problem.
void describe_type(hid_t type, Description& description) {
    DatasetInfo& info = description.info;
    const H5T_class_t type_class = H5Tget_class(type);
    const std::size_t bytes = H5Tget_size(type);
    if (type_class == H5T_INTEGER && bytes <= 8) {
        const bool is_signed = H5Tget_sign(type) == H5T_SGN_2;
        info.type = integer_type(bytes, is_signed);
        info.stored = fmt::format("{}int{}", is_signed ? "" : "u", 8 * bytes);
    } else if (type_class == H5T_FLOAT && bytes <= 8) {
        info.type = bytes <= 4 ? ElementType::f32 : ElementType::f64;
        info.stored = fmt::format("float{}", 8 * bytes);
    } else if (type_class == H5T_ENUM && is_boolean(type)) {
        // As 0.0 and 1.0: an integer would be scaled by its type's range.
        info.type = ElementType::f32;
        info.stored = "boolean";
    } else {
        info.stored = describe_class(type_class);
        description.problem =
            fmt::format("holds {}, expected integers of 8 to 64 bits or floats of 16 to 64", info.stored);
        return;
    }
    if (bytes > 1 && H5Tget_order(type) == H5T_ORDER_BE) info.stored += ", big-endian";
}

/// A compressor that this HDF5 lacks, such as h5py's "lzf".
std::string missing_filter(hid_t properties) {
    const int filters = checked(H5Pget_nfilters(properties), "filters");
    for (int i = 0; i < filters; ++i) {
        unsigned flags = 0, configuration = 0;
        std::size_t values = 0;
        std::array<char, 64> name{};
        const H5Z_filter_t filter = checked(H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &values,
                                                           nullptr, name.size() - 1, name.data(), &configuration),
                                            "filters");
        if (H5Zfilter_avail(filter) <= 0) return fmt::format("{} ({})", name[0] ? name.data() : "a filter", filter);
    }
    return {};
}

/// Why the header's shape cannot be that of data which the file holds; empty where it can.
std::string storage_problem(hid_t properties, const DatasetInfo& info, std::size_t file_bytes) {
    const std::optional<std::size_t> bytes = bytes_in(info.shape, bytes_of(info.type));
    if (!bytes) return fmt::format("claims {} elements, more than any memory holds", describe(info.shape));
    if (const std::string filter = missing_filter(properties); !filter.empty()) {
        return fmt::format("is compressed by {}, which this HDF5 does not have; store it with gzip or uncompressed",
                           filter);
    }
    const H5D_layout_t layout = H5Pget_layout(properties);
    if (layout == H5D_VIRTUAL || H5Pget_external_count(properties) > 0) return {};
    if (info.stored_bytes == 0) return "holds nothing: it was created but never written";
    if (info.stored_bytes > file_bytes) {
        return fmt::format("claims {} stored bytes in a file of {}; is it cut short?", info.stored_bytes, file_bytes);
    }
    if (*bytes / largest_compression > info.stored_bytes) {
        return fmt::format("claims {} elements, but {} bytes are stored; is the file damaged?", describe(info.shape),
                           info.stored_bytes);
    }
    return {};
}

} // namespace

std::size_t bytes_of(ElementType type) { return facts(type).bytes; }

std::string_view name_of(ElementType type) { return facts(type).name; }

bool is_integer(ElementType type) { return type != ElementType::f32 && type != ElementType::f64; }

std::size_t DatasetInfo::row_bytes() const {
    const std::optional<std::size_t> bytes = bytes_in(sample_shape(), bytes_of(type));
    if (!bytes) reject("{}: {}: a row of {} elements fits in no memory", file, name, describe(sample_shape()));
    return *bytes;
}

Description describe_dataset(hid_t dataset, const std::string& file, const std::string& name, std::size_t file_bytes) {
    Description description;
    DatasetInfo& info = description.info;
    info.file = file;
    info.name = name;
    const TypeHandle type(H5Dget_type(dataset), name);
    const SpaceHandle space(H5Dget_space(dataset), name);
    const PropertiesHandle properties(H5Dget_create_plist(dataset), name);
    info.shape = shape_of(space.get());
    info.stored_bytes = H5Dget_storage_size(dataset);
    if (H5Pget_layout(properties.get()) == H5D_CHUNKED) {
        std::vector<hsize_t> chunk(info.shape.size());
        checked(H5Pget_chunk(properties.get(), static_cast<int>(chunk.size()), chunk.data()), name);
        info.chunk.assign(chunk.begin(), chunk.end());
    }
    describe_type(type.get(), description);
    if (!description.problem.empty()) return description;
    if (info.shape.empty()) {
        description.problem = "is a scalar, expected rows (N, ...)";
    } else if (std::find(info.shape.begin(), info.shape.end(), 0) != info.shape.end()) {
        description.problem = fmt::format("is empty ({}), expected rows (N, ...)", describe(info.shape));
    } else {
        description.problem = storage_problem(properties.get(), info, file_bytes);
    }
    return description;
}

std::string summary(const DatasetInfo& info) {
    return fmt::format("{} ({}, {})", info.name, describe(info.shape), info.stored);
}

} // namespace elbo::storage
