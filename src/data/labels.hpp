// Labels of samples: a number or a row of values for each, in a dataset of their own.
#pragma once

#include "storage/dataset.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace elbo::data {

/// What labels are, from all of them.
struct LabelFacts {
    std::size_t rows = 0, values = 1;              ///< values of a row
    std::map<std::int64_t, std::uint64_t> classes; ///< samples of each; empty where they are no classes
    double least = 0, greatest = 0;
};

/// Reads them in pieces. One integer a row is a class, where there are at most 10,000 different ones. Throws InputError
/// naming file and row where a value is not finite.
LabelFacts survey_labels(const storage::DatasetReader& reader);

/// "10 classes, 5,421 to 6,742 samples each", "5 values each, from 0 to 1".
std::string describe(const LabelFacts& facts);

/// Throws InputError where there is not one row for each sample. named: the key or option that labels come from.
void require_fit(std::string_view named, const storage::DatasetInfo& labels, const storage::DatasetInfo& samples);

} // namespace elbo::data
