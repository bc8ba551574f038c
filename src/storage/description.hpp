// What a dataset's header says, checked before anybody takes memory for it. Internal to storage.
#pragma once

#include "storage/hdf5.hpp"

#include <string>

namespace elbo::storage {

/// A dataset, and why it cannot be read as rows of numbers ("holds text"); problem is empty where it can.
struct Description {
    DatasetInfo info;
    std::string problem;
};

/// file_bytes: the file's size. The session must be held.
Description describe_dataset(hid_t dataset, const std::string& file, const std::string& name, std::size_t file_bytes);

/// "/train/x (60000 x 28 x 28, uint8)".
std::string summary(const DatasetInfo& info);

} // namespace elbo::storage
