// What lies in an HDF5 file: groups, datasets, links, and what their attributes say.
#pragma once

#include "storage/dataset.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace elbo::storage {

struct TreeEntry {
    enum class Kind { group, dataset, link, other };
    std::string path; ///< "/train/x"
    Kind kind = Kind::other;
    std::string text; ///< of a dataset "60000 x 28 x 28 uint8", of a link what it leads to
    /// Names and values of text and single numbers, on one line each.
    std::vector<std::pair<std::string, std::string>> attributes;
};

/// The root and everything below it, depth first by name; of a huge file the first 10,000 entries. Links are named, not
/// followed. Throws InputError where the file is missing, truncated or no HDF5 file.
std::vector<TreeEntry> list_tree(const std::filesystem::path& file);

} // namespace elbo::storage
