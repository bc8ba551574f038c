// Which columns of a CSV file are what, and what its fields mean.
#pragma once

#include "convert/convert.hpp"
#include "convert/csv_reader.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::convert {

struct CsvColumns {
    bool header = false;
    std::vector<std::string> names; ///< of all columns, from the header or 1, 2 ...
    std::vector<std::size_t> x;     ///< columns of the samples
    std::optional<std::size_t> label;

    /// "column age", "column 3".
    std::string describe(std::size_t column) const;
};

/// As the first row of a file and the request say. Without --header the first row is one where none of its fields is a
/// number, or where they count 0, 1, 2 ... (pandas). Throws InputError naming file and column.
CsvColumns find_columns(const std::string& where, const CsvRow& first, const Request& request);

/// Empty, NA, NaN, null and the like.
bool is_missing(std::string_view field);

/// A field's number: decimal, or True and False as 1 and 0; nothing where it is none or not finite.
std::optional<double> number_of(std::string_view field);

/// Labels, row by row, until it is clear what they are: whole numbers, numbers, or words that become classes.
class CsvLabels {
public:
    void note(const std::string& where, std::string_view label);
    /// The field y.
    Field field() const;
    /// The number that stands for a label; nothing where it is none of those noted.
    std::optional<double> number(std::string_view label) const;

private:
    bool words_ = false, fractions_ = false, too_many_ = false;
    double least_ = 0, greatest_ = 0;
    std::set<std::string, std::less<>> seen_;
    mutable std::vector<std::string> classes_; ///< sorted
};

} // namespace elbo::convert
