#include "data/labels.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "data/piece.hpp"
#include "data/types.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

namespace elbo::data {

namespace {

constexpr std::size_t most_classes = 10000;

/// Adds a piece of rows.
template <class T>
void add(std::span<const T> values, std::size_t first_row, const storage::DatasetInfo& info, LabelFacts& facts) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto value = static_cast<double>(values[i]);
        if (!std::isfinite(value)) {
            reject("{} holds {}; only finite numbers can be labels", info.where(first_row + i / facts.values),
                   std::isnan(value) ? "not a number (NaN)" : "infinity");
        }
        facts.least = std::min(facts.least, value);
        facts.greatest = std::max(facts.greatest, value);
        if constexpr (std::is_integral_v<T>) {
            if (facts.values == 1 && facts.classes.size() <= most_classes)
                ++facts.classes[static_cast<std::int64_t>(values[i])];
        }
    }
}

} // namespace

LabelFacts survey_labels(const storage::DatasetReader& reader) {
    const storage::DatasetInfo& info = reader.info();
    LabelFacts facts{info.rows(),
                     elements(info.sample_shape()),
                     {},
                     std::numeric_limits<double>::infinity(),
                     -std::numeric_limits<double>::infinity()};
    const std::size_t piece = std::min<std::size_t>(rows_of_a_piece(info.row_bytes()), info.rows());
    std::vector<std::byte> bytes(piece * info.row_bytes());
    for (std::size_t row = 0; row < info.rows(); row += piece) {
        const std::size_t count = std::min(piece, info.rows() - row);
        const std::span<std::byte> some = std::span(bytes).first(count * info.row_bytes());
        reader.read_rows(row, count, some);
        with_type(info.type, [&](auto zero) { add(values_of<decltype(zero)>(some), row, info, facts); });
    }
    if (facts.classes.size() > most_classes) facts.classes.clear();
    return facts;
}

std::string describe(const LabelFacts& facts) {
    if (facts.classes.empty()) {
        return fmt::format("{} each, from {:.6g} to {:.6g}",
                           facts.values == 1 ? "a value" : fmt::format("{} values", with_commas(facts.values)),
                           facts.least, facts.greatest);
    }
    const auto [rarest, commonest] =
        std::ranges::minmax_element(facts.classes, {}, [](const auto& entry) { return entry.second; });
    const std::string each = rarest->second == commonest->second
                                 ? with_commas(rarest->second)
                                 : with_commas(rarest->second) + " to " + with_commas(commonest->second);
    return fmt::format("{} class{}, {} samples each", with_commas(facts.classes.size()),
                       facts.classes.size() == 1 ? "" : "es", each);
}

void require_fit(std::string_view named, const storage::DatasetInfo& labels, const storage::DatasetInfo& samples) {
    if (labels.rows() == samples.rows()) return;
    reject("{}: {}:{} has {} rows, but {}:{} has {} samples; expected one for each", named, labels.file, labels.name,
           with_commas(labels.rows()), samples.file, samples.name, with_commas(samples.rows()));
}

} // namespace elbo::data
