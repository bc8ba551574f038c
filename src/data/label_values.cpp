#include "data/label_values.hpp"

#include "base/error.hpp"
#include "data/piece.hpp"
#include "data/types.hpp"
#include "storage/attributes.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace elbo::data {
namespace {

/// "a, b, c" in parts.
std::vector<std::string> parts_of(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(", ", begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 2;
    }
    return parts;
}

/// A text beside the labels; those of several files have the first one's.
std::optional<std::string> attribute_of(const storage::DatasetInfo& info, const std::string& name) {
    const storage::Location first =
        info.locations.empty() ? storage::Location{info.file, info.name} : info.locations.front();
    // A field of records is no object of the file, and has no attributes.
    return storage::text_attribute(first.file, first.dataset, name);
}

std::vector<std::string> column_names(const storage::DatasetInfo& info) {
    const std::size_t count = elements(info.sample_shape());
    if (const auto text = attribute_of(info, "columns")) {
        std::vector<std::string> names = parts_of(*text);
        if (names.size() == count) return names;
    }
    std::vector<std::string> names;
    for (std::size_t column = 1; column <= count; ++column) names.push_back(std::to_string(column));
    return names;
}

} // namespace

LabelValues read_labels(const storage::DatasetReader& reader, std::span<const std::uint64_t> samples) {
    const storage::DatasetInfo& info = reader.info();
    LabelValues labels{
        fmt::format("{}:{}", info.file, info.name), column_names(info), {}, attribute_of(info, "names").value_or("")};
    const std::size_t columns = labels.columns.size();
    const std::size_t piece = std::min<std::size_t>(rows_of_a_piece(info.row_bytes()), info.rows());
    std::vector<std::byte> bytes(piece * info.row_bytes());
    auto next = samples.begin();
    for (std::size_t row = 0; row < info.rows() && next != samples.end(); row += piece) {
        const std::size_t count = std::min(piece, info.rows() - row);
        const std::span<std::byte> some = std::span(bytes).first(count * info.row_bytes());
        reader.read_rows(row, count, some);
        with_type(info.type, [&](auto zero) {
            const auto values = values_of<decltype(zero)>(some);
            for (; next != samples.end() && *next < row + count; ++next)
                for (std::size_t c = 0; c < columns; ++c) {
                    const auto value = static_cast<double>(values[(*next - row) * columns + c]);
                    if (!std::isfinite(value))
                        reject("{} holds {}; only finite numbers can be labels", info.where(*next), value);
                    labels.values.push_back(value);
                }
        });
    }
    return labels;
}

std::vector<double> different_values(Matrix<const double> labels, std::size_t column, std::size_t most) {
    std::set<double> different;
    for (std::size_t i = 0; i < labels.rows() && different.size() <= most; ++i) different.insert(labels(i, column));
    if (different.size() > most) return {};
    return {different.begin(), different.end()};
}

std::vector<std::uint32_t> places_of(Matrix<const double> labels, std::size_t column,
                                     std::span<const double> different) {
    std::vector<std::uint32_t> places;
    for (std::size_t i = 0; i < labels.rows(); ++i)
        places.push_back(
            static_cast<std::uint32_t>(std::ranges::lower_bound(different, labels(i, column)) - different.begin()));
    return places;
}

} // namespace elbo::data
