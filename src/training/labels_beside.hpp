// Labels that lie beside samples in a file.
#pragma once

#include "config/config.hpp"
#include "storage/dataset.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace elbo::training {

bool holds(const std::vector<storage::DatasetInfo>& datasets, std::string_view name);

storage::Outside outside_of(const config::Data& settings);

/// The last part of a dataset's name.
std::string last_of(const std::string& name);

/// The dataset of this name beside the samples. option: what names it otherwise. Throws InputError where there is none.
storage::DatasetReader labels_beside(const storage::DatasetInfo& samples, const std::string& name, const char* option,
                                     storage::Outside outside);

} // namespace elbo::training
