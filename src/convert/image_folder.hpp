// Folders of images as a source.
#pragma once

#include "convert/image_items.hpp"

#include <filesystem>
#include <memory>

namespace elbo::convert {

/// True where some image lies in the folder or below, among its first thousands of entries.
bool is_image_folder(const std::filesystem::path& folder);

/// Every image of the folders and below, by name; by number. Throws InputError naming what is wrong, links out of a
/// folder among it.
std::unique_ptr<Source> open_image_folders(const std::vector<std::string>& folders, const ImageOptions& options);

} // namespace elbo::convert
