// What a dataset's header says: shape, elements, layout, filters, and whether it can be true.
#include "storage/description.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// More than any compressor makes of data worth learning (gzip's limit is 1032): a larger ratio of a dataset's size to
/// what is stored of it is a damaged or hostile header.
constexpr std::size_t largest_compression = 4096;

/// Bytes of all elements; nothing where that does not fit in 63 bits.
std::optional<std::size_t> bytes_in(const Shape& shape, std::size_t element_bytes) {
    std::size_t bytes = element_bytes;
    for (const std::size_t extent : shape) {
        if (__builtin_mul_overflow(bytes, extent, &bytes)) return {};
    }
    if (bytes > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max())) return {};
    return bytes;
}

/// The file that a dataset lies in, which an external link may have led to.
fs::path holder_of(hid_t dataset) {
    const ssize_t length = checked(H5Fget_name(dataset, nullptr, 0), "a dataset's file");
    std::string name(static_cast<std::size_t>(length), '\0');
    checked(H5Fget_name(dataset, name.data(), name.size() + 1), "a dataset's file");
    return name;
}

std::string layout_of(hid_t properties) {
    if (H5Pget_external_count(properties) > 0) return "external";
    switch (H5Pget_layout(properties)) {
    case H5D_CHUNKED:
        return "chunked";
    case H5D_COMPACT:
        return "compact";
    case H5D_VIRTUAL:
        return "virtual";
    default:
        return "contiguous";
    }
}

struct Filter {
    H5Z_filter_t id;
    std::string name;
};

std::string filter_name(H5Z_filter_t id, const std::string& given, unsigned first_value) {
    switch (id) {
    case H5Z_FILTER_DEFLATE:
        return fmt::format("gzip {}", first_value);
    case H5Z_FILTER_SHUFFLE:
        return "shuffle";
    case H5Z_FILTER_FLETCHER32:
        return "fletcher32";
    case H5Z_FILTER_SZIP:
        return "szip";
    case H5Z_FILTER_NBIT:
        return "nbit";
    case H5Z_FILTER_SCALEOFFSET:
        return "scaleoffset";
    default:
        return fmt::format("{} ({})", given.empty() ? "filter" : given, id);
    }
}

std::vector<Filter> filters_of(hid_t properties) {
    const int count = checked(H5Pget_nfilters(properties), "filters");
    std::vector<Filter> filters;
    for (int i = 0; i < count; ++i) {
        unsigned flags = 0, configuration = 0;
        std::array<unsigned, 32> values{};
        std::size_t room = values.size();
        std::array<char, 64> name{};
        const H5Z_filter_t id = checked(H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &room,
                                                       values.data(), name.size() - 1, name.data(), &configuration),
                                        "filters");
        filters.push_back({id, filter_name(id, name.data(), values[0])});
    }
    return filters;
}

/// A compressor that this HDF5 lacks, such as h5py's "lzf".
std::string filter_problem(const std::vector<Filter>& filters, const std::string& file) {
    const auto missing =
        std::ranges::find_if(filters, [](const Filter& filter) { return H5Zfilter_avail(filter.id) <= 0; });
    if (missing == filters.end()) return {};
    return fmt::format("is compressed by {}, which this HDF5 does not have; store it with gzip (h5repack -f GZIP=1 {} "
                       "NEW.h5, where h5repack has the filter), or install the filter's plugin, name its folder in "
                       "HDF5_PLUGIN_PATH and set data.allow_external: true (inspect: --allow-external)",
                       missing->name, file);
}

/// Why the header's shape cannot be that of data which the file holds; empty where it can.
std::string size_problem(const DatasetInfo& info, std::size_t bytes, std::size_t file_bytes) {
    if (info.stored_bytes == 0) return "holds nothing: it was created but never written";
    if (info.stored_bytes > file_bytes) {
        return fmt::format("claims {} stored bytes in a file of {}; is it cut short?", info.stored_bytes, file_bytes);
    }
    if (bytes / largest_compression > info.stored_bytes) {
        return fmt::format("claims {} elements, but {} bytes are stored; is the file damaged?", describe(info.shape),
                           info.stored_bytes);
    }
    const std::optional<std::size_t> chunk = bytes_in(info.chunk, bytes_of(info.type));
    if (!info.filters.empty() && (!chunk || *chunk / largest_compression > info.stored_bytes)) {
        return fmt::format("claims chunks of {} elements, but {} bytes are stored; is the file damaged?",
                           describe(info.chunk), info.stored_bytes);
    }
    return {};
}

/// Fills what is known of where the elements lie.
void describe_layout(hid_t dataset, hid_t properties, const std::vector<Filter>& filters, Description& description) {
    DatasetInfo& info = description.info;
    info.layout = layout_of(properties);
    for (const Filter& filter : filters) info.filters.push_back(filter.name);
    info.stored_bytes = H5Dget_storage_size(dataset);
    if (info.layout != "chunked") return;
    std::vector<hsize_t> chunk(info.shape.size());
    checked(H5Pget_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), info.name);
    info.chunk.assign(chunk.begin(), chunk.end());
}

} // namespace

std::size_t DatasetInfo::row_bytes() const {
    const std::optional<std::size_t> bytes = bytes_in(sample_shape(), bytes_of(type));
    if (!bytes) reject("{}: {}: a row of {} elements fits in no memory", file, name, describe(sample_shape()));
    return *bytes;
}

Description describe_dataset(hid_t dataset, const std::string& file, const std::string& name,
                             std::span<const std::string> fields, const References& references, int nesting) {
    Description description;
    DatasetInfo& info = description.info;
    info.file = file;
    info.name = name;
    const TypeHandle type(H5Dget_type(dataset), name);
    const SpaceHandle space(H5Dget_space(dataset), name);
    const PropertiesHandle properties(H5Dget_create_plist(dataset), name);
    const std::vector<Filter> filters = filters_of(properties.get());
    info.shape = shape_of(space.get());
    const Shape own = info.shape;
    describe_layout(dataset, properties.get(), filters, description);

    Element element = element_of(type.get(), fields);
    info.type = element.type;
    info.stored = element.stored;
    description.inner = element.inner;
    description.problem = element.problem;
    description.memory = std::move(element.memory);
    if (!description.problem.empty()) return description;
    info.shape.insert(info.shape.end(), description.inner.begin(), description.inner.end());
    if (!info.chunk.empty()) info.chunk.insert(info.chunk.end(), description.inner.begin(), description.inner.end());

    const std::optional<std::size_t> bytes = bytes_in(info.shape, bytes_of(info.type));
    const fs::path holder = holder_of(dataset);
    if (holder != fs::path(file)) info.others.push_back(holder);
    if (own.empty()) {
        description.problem = "is a scalar, expected rows (N, ...)";
    } else if (std::ranges::find(info.shape, std::size_t{0}) != info.shape.end()) {
        description.problem = fmt::format("is empty ({}), expected rows (N, ...)", describe(info.shape));
    } else if (!bytes) {
        description.problem = fmt::format("claims {} elements, more than any memory holds", describe(info.shape));
    } else if (info.layout == "virtual") {
        description.problem = virtual_problem(properties.get(), own, holder, fields, references, nesting, info);
    } else if (info.layout == "external") {
        description.problem = raw_problem(properties.get(), *bytes, holder, references, info);
    } else {
        description.problem = filter_problem(filters, file);
        // A file that is removed meanwhile is noticed by whoever watches it.
        std::error_code gone;
        const std::uintmax_t size = fs::file_size(holder, gone);
        if (description.problem.empty() && !gone) description.problem = size_problem(info, *bytes, size);
    }
    return description;
}

Description describe_source(const fs::path& path, const std::string& dataset, std::span<const std::string> fields,
                            const References& references, int nesting) {
    const FileHandle file = open_for_reading(path);
    const DatasetHandle source(H5Dopen2(file.get(), dataset.c_str(), references.access()), dataset);
    return describe_dataset(source.get(), path.string(), dataset, fields, references, nesting);
}

std::string summary(const DatasetInfo& info) {
    return fmt::format("{} ({}, {})", info.name, describe(info.shape), info.stored);
}

} // namespace elbo::storage
