// Labels of chosen samples as numbers in memory, and the classes that they are.
#pragma once

#include "numerics/view.hpp"
#include "storage/dataset.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace elbo::data {

struct LabelValues {
    std::string name;                 ///< "data/mnist.h5:/train/y"
    std::vector<std::string> columns; ///< as the file's attribute `columns` has them, else "1", "2" ...
    std::vector<double> values;       ///< [rows, columns]
    std::string meaning;              ///< the file's attribute `names`, "0: cat, 1: dog", where it has one

    std::size_t rows() const { return columns.empty() ? 0 : values.size() / columns.size(); }
    Matrix<const double> matrix() const { return {values.data(), rows(), columns.size()}; }
};

/// Labels of the samples of these numbers, which ascend. Throws InputError naming file and row where one is not finite.
LabelValues read_labels(const storage::DatasetReader& reader, std::span<const std::uint64_t> samples);

/// The different values of a column, ascending; nothing where there are more than `most`.
std::vector<double> different_values(Matrix<const double> labels, std::size_t column, std::size_t most);

/// For each row the place of its value in the column among `different`, which has them all.
std::vector<std::uint32_t> places_of(Matrix<const double> labels, std::size_t column,
                                     std::span<const double> different);

} // namespace elbo::data
