// What a dataset's header says, checked before anybody takes memory for it. Internal to storage.
#pragma once

#include "storage/element.hpp"
#include "storage/references.hpp"

#include <filesystem>
#include <span>
#include <string>

namespace elbo::storage {

/// A dataset, and why it cannot be read as rows of numbers ("holds text"); problem is empty where it can.
struct Description {
    DatasetInfo info;
    Shape inner;       ///< of array elements: the last extents of info.shape, which HDF5 does not count
    TypeHandle memory; ///< what H5Dread converts to; none where there is a problem
    std::string problem;
};

/// Of a dataset or, where fields are named, of these of its records. file and name are those that the user knows it by.
/// nesting: how many virtual datasets have led to it. The session must be held.
Description describe_dataset(hid_t dataset, const std::string& file, const std::string& name,
                             std::span<const std::string> fields, const References& references, int nesting = 0);

/// The same of a source of a virtual dataset. Throws where it cannot be opened.
Description describe_source(const std::filesystem::path& file, const std::string& dataset,
                            std::span<const std::string> fields, const References& references, int nesting);

/// "/train/x (60000 x 28 x 28, uint8)".
std::string summary(const DatasetInfo& info);

} // namespace elbo::storage
