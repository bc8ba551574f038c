#include "convert/csv_columns.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace elbo::convert {

namespace {

constexpr std::size_t most_classes = 1 << 16, most_columns = 1 << 20;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::optional<std::size_t> whole_number(std::string_view text) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
    return number;
}

bool looks_like_header(const CsvRow& row) {
    bool numbers = false, counts = row.size() >= 3;
    for (std::size_t i = 0; i < row.size(); ++i) {
        numbers = numbers || number_of(row[i]).has_value();
        counts = counts && whole_number(row[i]) == i;
    }
    return !numbers || counts;
}

/// A column by its name, or its number from 1 on.
class Finder {
public:
    Finder(const std::string& where, const CsvColumns& columns) : where_(where), columns_(columns) {}

    std::optional<std::size_t> find(std::string_view text) const {
        if (columns_.header) {
            const auto named = std::find(columns_.names.begin(), columns_.names.end(), text);
            if (named != columns_.names.end()) return static_cast<std::size_t>(named - columns_.names.begin());
        }
        const std::optional<std::size_t> number = whole_number(text);
        if (!number || *number == 0 || *number > columns_.names.size()) return {};
        return *number - 1;
    }

    std::size_t at(const char* option, std::string_view text) const {
        if (const auto column = find(text)) return *column;
        const std::vector<std::string_view> names(columns_.names.begin(), columns_.names.end());
        const std::string_view close = columns_.header ? nearest(text, names) : std::string_view();
        reject("{} {}: {} has no such column{}; it has {}{}", option, text, where_,
               close.empty() ? "" : fmt::format("; did you mean {}?", close), names.size(),
               columns_.header ? fmt::format(" ({})", printable(joined(names), 200)) : " without names");
    }

    /// A column, or two numbers with all columns from the one to the other: 2-785.
    void add(std::string_view text, std::vector<std::size_t>& out) const {
        const std::size_t dash = text.find('-');
        if (!find(text) && dash != std::string_view::npos) {
            const std::size_t first = at("--columns", text.substr(0, dash)),
                              last = at("--columns", text.substr(dash + 1));
            if (last < first) reject("--columns {}: {} has them in the other order", text, where_);
            for (std::size_t column = first; column <= last; ++column) out.push_back(column);
        } else {
            out.push_back(at("--columns", text));
        }
    }

private:
    const std::string& where_;
    const CsvColumns& columns_;
};

} // namespace

bool is_missing(std::string_view field) {
    constexpr std::array words = {"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"};
    return std::find(words.begin(), words.end(), trimmed(field)) != words.end();
}

std::optional<double> number_of(std::string_view field) {
    field = trimmed(field);
    if (field == "True" || field == "true") return 1;
    if (field == "False" || field == "false") return 0;
    if (field.size() > 1 && field.front() == '+' && field[1] != '-') field.remove_prefix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (field.empty() || error != std::errc() || end != field.data() + field.size() || !std::isfinite(value)) return {};
    return value;
}

std::string CsvColumns::describe(std::size_t column) const { return "column " + printable(names[column]); }

CsvColumns find_columns(const std::string& where, const CsvRow& first, const Request& request) {
    if (first.size() > most_columns)
        reject("{}: has {} columns, at most {} are read", where, first.size(), most_columns);
    CsvColumns columns;
    columns.header = request.header.value_or(looks_like_header(first));
    for (std::size_t i = 0; i < first.size(); ++i)
        columns.names.push_back(columns.header ? std::string(first[i]) : std::to_string(i + 1));
    const Finder finder(where, columns);
    if (request.label_column) columns.label = finder.at("--label-column", *request.label_column);
    if (request.columns) {
        std::string_view rest = *request.columns;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(','), rest.size());
            finder.add(rest.substr(0, end), columns.x);
            rest.remove_prefix(std::min(rest.size(), end + 1));
            if (columns.x.size() > most_columns) reject("--columns: names more than {} columns", most_columns);
        }
    } else {
        for (std::size_t i = 0; i < columns.names.size(); ++i)
            if (i != columns.label) columns.x.push_back(i);
    }
    if (columns.x.empty()) reject("{}: no column is left for x", where);
    return columns;
}

void CsvLabels::note(const std::string& where, std::string_view label) {
    label = trimmed(label);
    if (const std::optional<double> number = number_of(label)) {
        fractions_ = fractions_ || *number != std::trunc(*number);
        least_ = std::min(least_, *number);
        greatest_ = std::max(greatest_, *number);
    } else {
        words_ = true;
    }
    // As long as all are numbers, nobody needs to know them one by one.
    if (!too_many_ && seen_.find(label) == seen_.end()) {
        too_many_ = seen_.size() == most_classes;
        if (too_many_)
            seen_.clear();
        else
            seen_.emplace(label);
    }
    if (words_ && too_many_)
        reject("{}: there are more than {} different labels; is it the right column?", where, most_classes);
}

Field CsvLabels::field() const {
    using storage::ElementType;
    if (words_) {
        classes_.assign(seen_.begin(), seen_.end());
        return {"y", {}, classes_.size() <= 256 ? ElementType::u8 : ElementType::u16, classes_};
    }
    if (fractions_ || greatest_ >= 0x1p63 || least_ < -0x1p63) return {"y", {}, ElementType::f32, {}};
    if (least_ >= 0 && greatest_ < 256) return {"y", {}, ElementType::u8, {}};
    const bool small =
        least_ >= std::numeric_limits<std::int32_t>::min() && greatest_ <= std::numeric_limits<std::int32_t>::max();
    return {"y", {}, small ? ElementType::i32 : ElementType::i64, {}};
}

std::optional<double> CsvLabels::number(std::string_view label) const {
    label = trimmed(label);
    if (!words_) return number_of(label);
    const auto found = std::lower_bound(classes_.begin(), classes_.end(), label);
    if (found == classes_.end() || *found != label) return {};
    return static_cast<double>(found - classes_.begin());
}

} // namespace elbo::convert
