#include "storage/tree.hpp"

#include "storage/element.hpp"

#include <exception>
#include <optional>

namespace elbo::storage {

namespace {

constexpr std::size_t most_entries = 10000;
/// Longer texts are programs' own business.
constexpr std::size_t longest_text = 4096;

/// A fixed or variable length text; nothing where it is none, or too long to be shown.
std::optional<std::string> text_of(hid_t attribute, hid_t type, const std::string& what) {
    if (H5Tget_class(type) != H5T_STRING) return {};
    if (H5Tis_variable_str(type) > 0) {
        const TypeHandle memory = text_type();
        checked(H5Tset_cset(memory.get(), H5Tget_cset(type)), what);
        char* text = nullptr;
        checked(H5Aread(attribute, memory.get(), &text), what);
        std::string copy = text == nullptr ? "" : text;
        H5free_memory(text);
        return copy;
    }
    if (H5Tget_size(type) > longest_text) return {};
    std::string text(H5Tget_size(type) + 1, '\0');
    checked(H5Aread(attribute, type, text.data()), what);
    text.resize(text.find('\0'));
    return text;
}

/// A single number or text; nothing of anything else.
std::optional<std::string> value_of(hid_t object, const std::string& name) {
    const AttributeHandle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), name);
    const SpaceHandle space(H5Aget_space(attribute.get()), name);
    const TypeHandle type(H5Aget_type(attribute.get()), name);
    if (H5Sget_simple_extent_npoints(space.get()) != 1) return {};
    if (auto text = text_of(attribute.get(), type.get(), name)) return text;
    const Element element = element_of(type.get(), {});
    if (!element.problem.empty() || !element.inner.empty()) return {};
    double number = 0;
    checked(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &number), name);
    return fmt::format("{:g}", number);
}

void add_attributes(hid_t object, TreeEntry& entry) {
    for (const std::string& name : attribute_names(object)) {
        try {
            if (auto value = value_of(object, name)) entry.attributes.emplace_back(name, *std::move(value));
        } catch (const Error& error) {
            entry.attributes.emplace_back(name, fmt::format("cannot be read ({})", error.what()));
        }
    }
}

/// What an object's header says.
void describe_object(hid_t object, TreeEntry& entry) {
    add_attributes(object, entry);
    switch (H5Iget_type(object)) {
    case H5I_GROUP:
        entry.kind = TreeEntry::Kind::group;
        break;
    case H5I_DATASET: {
        entry.kind = TreeEntry::Kind::dataset;
        const SpaceHandle space(H5Dget_space(object), entry.path);
        const TypeHandle type(H5Dget_type(object), entry.path);
        const Element element = element_of(type.get(), {});
        entry.text = fmt::format("{} {}", describe(shape_of(space.get())), element.stored);
        break;
    }
    default:
        break;
    }
}

void describe_link(hid_t group, const char* name, const H5L_info_t& link, TreeEntry& entry) {
    entry.kind = TreeEntry::Kind::link;
    std::string value(link.u.val_size + 1, '\0');
    checked(H5Lget_val(group, name, value.data(), value.size(), H5P_DEFAULT), entry.path);
    if (link.type == H5L_TYPE_SOFT) {
        entry.text = value.substr(0, value.find('\0')); // it comes with its end
    } else if (link.type == H5L_TYPE_EXTERNAL) {
        const char *file = nullptr, *object = nullptr;
        checked(H5Lunpack_elink_val(value.data(), link.u.val_size, nullptr, &file, &object), entry.path);
        entry.text = fmt::format("{}:{}", file, object);
    } else {
        entry.text = "what a program defined";
    }
}

struct Walk {
    std::vector<TreeEntry> entries;
    std::exception_ptr failure;
};

/// C++ exceptions must not cross HDF5's C frames.
herr_t note(hid_t group, const char* name, const H5L_info_t* link, void* data) {
    Walk& walk = *static_cast<Walk*>(data);
    try {
        TreeEntry entry{"/" + std::string(name), TreeEntry::Kind::other, "", {}};
        if (link->type == H5L_TYPE_HARD) {
            const ObjectHandle object(H5Oopen(group, name, H5P_DEFAULT), entry.path);
            describe_object(object.get(), entry);
        } else {
            describe_link(group, name, *link, entry);
        }
        walk.entries.push_back(std::move(entry));
        return walk.entries.size() < most_entries ? 0 : 1;
    } catch (...) {
        walk.failure = std::current_exception();
        return -1;
    }
}

} // namespace

std::vector<TreeEntry> list_tree(const std::filesystem::path& path) {
    const Hdf5Session session;
    const FileHandle file = open_for_reading(path);
    Walk walk;
    TreeEntry root{"/", TreeEntry::Kind::group, "", {}};
    const ObjectHandle object(H5Oopen(file.get(), "/", H5P_DEFAULT), path.string());
    add_attributes(object.get(), root);
    walk.entries.push_back(std::move(root));
    const herr_t status = H5Lvisit(file.get(), H5_INDEX_NAME, H5_ITER_INC, note, &walk);
    if (walk.failure) std::rethrow_exception(walk.failure);
    if (status < 0) reject("{}: what it holds cannot be listed: {}; is it damaged?", path.string(), hdf5_message());
    return std::move(walk.entries);
}

} // namespace elbo::storage
