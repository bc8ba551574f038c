#include "storage/open_file.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace elbo::storage {

namespace {

namespace fs = std::filesystem;

/// Datasets named in a message before "and 30 more".
constexpr std::size_t most_named = 12;

std::vector<std::string> split(const std::string& fields) {
    std::vector<std::string> names;
    for (std::size_t begin = 0; begin <= fields.size();) {
        const std::size_t end = std::min(fields.find('.', begin), fields.size());
        names.push_back(fields.substr(begin, end - begin));
        begin = end + 1;
    }
    return names;
}

} // namespace

OpenFile::OpenFile(const fs::path& file, Outside outside)
    : path_(file), handle_(open_for_reading(file)), references_(file, outside) {}

bool OpenFile::holds_dataset(const std::string& name) const {
    const hid_t id = H5Oopen(get(), name.c_str(), references_.access());
    if (id < 0) return false;
    const ObjectHandle object(id, name);
    return H5Iget_type(id) == H5I_DATASET;
}

Target OpenFile::target(const std::string& name) const {
    std::size_t dot = name.rfind('.');
    if (dot == std::string::npos || holds_dataset(name)) return {name, {}};
    for (; dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
        const std::string dataset = name.substr(0, dot);
        if (holds_dataset(dataset)) return {dataset, split(name.substr(dot + 1))};
    }
    return {name, {}};
}

DatasetHandle OpenFile::open(const Target& target, const std::string& name) const {
    static_cast<void>(references_.take_refusal());
    const hid_t id = H5Oopen(get(), target.dataset.c_str(), references_.access());
    if (id < 0) {
        const std::string message = hdf5_message();
        if (const std::string refusal = references_.take_refusal(); !refusal.empty()) {
            reject("{}: {} {}", path_.string(), name, refusal);
        }
        const std::vector<std::string> paths = dataset_paths(get());
        if (std::ranges::find(paths, target.dataset) == paths.end()) reject_missing(name);
        reject("{}: {} cannot be opened: {}", path_.string(), name, message);
    }
    const ObjectHandle object(id, name);
    if (H5Iget_type(id) != H5I_DATASET) {
        reject("{}: {} is a group, expected a dataset; {}", path_.string(), name, contents());
    }
    return {H5Dopen2(get(), target.dataset.c_str(), references_.access()), name};
}

Description OpenFile::describe(const DatasetHandle& dataset, const Target& target, const std::string& name) const {
    return describe_dataset(dataset.get(), path_.string(), name, target.fields, references_);
}

Description OpenFile::describe(const std::string& name) const {
    const Target found = target(name);
    return describe(open(found, name), found, name);
}

std::vector<std::string> OpenFile::names() const {
    std::vector<std::string> list;
    for (const std::string& path : dataset_paths(get())) {
        const DatasetHandle dataset = open({path, {}}, path);
        const TypeHandle type(H5Dget_type(dataset.get()), path);
        const std::vector<std::string> fields = fields_of(type.get());
        if (fields.empty()) list.push_back(path);
        for (const std::string& field : fields) list.push_back(fmt::format("{}.{}", path, field));
    }
    return list;
}

std::string OpenFile::contents() const {
    const std::vector<std::string> all = names();
    if (all.empty()) return "it holds no dataset";
    std::string text = "it holds ";
    for (std::size_t i = 0; i < all.size() && i < most_named; ++i) {
        text += (i > 0 ? ", " : "") + summary(describe(all[i]).info);
    }
    if (all.size() > most_named) text += fmt::format(" and {} more", all.size() - most_named);
    return text;
}

void OpenFile::reject_missing(const std::string& name) const {
    const std::vector<std::string> all = names();
    const std::vector<std::string_view> words(all.begin(), all.end());
    const std::string_view close = nearest(name, words);
    reject("{}: no dataset {}; {}{}", path_.string(), name, contents(),
           close.empty() ? "" : fmt::format("; did you mean {}?", close));
}

} // namespace elbo::storage
