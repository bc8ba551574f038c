// Archives of images as a source.
#pragma once

#include "convert/image_items.hpp"

#include <memory>
#include <string>
#include <vector>

namespace elbo::convert {

/// Every image of the archives, in their order, read from front to back without unpacking: once for the names, once for
/// the items; parts that are mixed with each other cost a pass each. Throws InputError naming what is wrong.
std::unique_ptr<Source> open_image_archives(const std::vector<std::string>& paths, const ImageOptions& options);

} // namespace elbo::convert
