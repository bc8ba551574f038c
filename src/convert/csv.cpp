// Tables as text: rows of numbers, and perhaps a column of labels. Read twice: for the number of rows, the labels and
// the means of columns, and for the values.
#include "base/error.hpp"
#include "base/text.hpp"
#include "convert/convert.hpp"
#include "convert/csv_columns.hpp"
#include "convert/csv_reader.hpp"
#include "data/types.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;
using storage::ElementType;

/// All files of a request as one table.
class CsvTable {
public:
    explicit CsvTable(const Request& request)
        : request_(request), delimiter_(find_delimiter(request.sources.front())) {}

    /// Goes to the first row of data.
    void rewind() {
        reader_.reset();
        next_file_ = 0;
    }

    /// The next row of data, across files; nullptr behind the last.
    const CsvRow* next() {
        while (true) {
            const CsvRow* row = reader_ ? reader_->next() : nullptr;
            if (row != nullptr) return row;
            if (next_file_ == request_.sources.size()) return nullptr;
            if (const CsvRow* first = open_next()) return first;
        }
    }

    const CsvColumns& columns() const { return columns_; }
    std::string where(const CsvRow& row) const { return reader_->where(row); }

private:
    /// Opens the next file; returns its first row unless that is a header.
    const CsvRow* open_next() {
        const std::string& source = request_.sources[next_file_++];
        reader_ = std::make_unique<CsvReader>(source, delimiter_);
        const CsvRow* row = reader_->next();
        if (row == nullptr) reject("{}: is empty, expected rows", source);
        if (columns_.names.empty()) columns_ = find_columns(source, *row, request_);
        if (!columns_.header) return row;
        for (std::size_t i = 0; i < std::max(row->size(), columns_.names.size()); ++i) {
            const std::string_view found = i < row->size() ? (*row)[i] : "(none)";
            const std::string_view expected =
                i < columns_.names.size() ? std::string_view(columns_.names[i]) : "(none)";
            if (found != expected) {
                reject("{}: column {} is {}, expected {} as in {}", where(*row), i + 1, printable(found),
                       printable(expected), request_.sources.front());
            }
        }
        return nullptr;
    }

    const Request& request_;
    char delimiter_;
    CsvColumns columns_;
    std::unique_ptr<CsvReader> reader_;
    std::size_t next_file_ = 0;
};

class CsvSource : public Source {
public:
    explicit CsvSource(const Request& request) : request_(request), table_(request_) {
        std::size_t rows = 0;
        for (; const CsvRow* row = table_.next(); ++rows) note(*row);
        if (rows == 0) reject("{}: holds no row of data", request.sources.front());
        const std::size_t columns = table_.columns().x.size();
        const Shape shape = request.shape.value_or(Shape{columns});
        if (elements(shape) != columns)
            reject("--shape {}: expected {} numbers, as {} has columns", describe(shape), columns,
                   request.sources.front());
        // Types that --type may ask for hold no more digits than a double.
        std::vector<Field> fields = {{"x", shape, request.type.value_or(ElementType::f32), {}}};
        if (fields[0].type != ElementType::f32) fields[0].type = ElementType::f64;
        if (table_.columns().label) fields.push_back(labels_.field());
        parts_ = {{"", rows, std::move(fields)}};
        table_.rewind();
    }

    const std::vector<Part>& parts() const override { return parts_; }
    bool divisible() const override { return false; }

    std::vector<Bad> read(std::size_t, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override {
        std::vector<Bad> bad;
        for (std::size_t i = 0; i < count; ++i) {
            const CsvRow* const row = table_.next();
            if (row == nullptr) reject("{}: has fewer rows than when it was read before", request_.sources.back());
            if (std::string problem = read_row(*row, i, rows); !problem.empty())
                bad.push_back({begin + i, fmt::format("{}: {}{}", table_.where(*row), problem,
                                                      begin + i == 0 ? hint(*row) : std::string())});
        }
        return bad;
    }

    std::vector<Note> notes() const override {
        const CsvColumns& columns = table_.columns();
        if (!columns.header) return {};
        std::string names;
        for (const std::size_t column : columns.x) names += (names.empty() ? "" : ", ") + columns.names[column];
        return {{"x", "columns", names}};
    }

private:
    /// What the first reading keeps of a row.
    void note(const CsvRow& row) {
        const CsvColumns& columns = table_.columns();
        if (row.size() != columns.names.size()) return;
        if (columns.label && !is_missing(row[*columns.label])) labels_.note(table_.where(row), row[*columns.label]);
        if (request_.missing != Missing::mean) return;
        means_.resize(columns.x.size());
        known_.resize(columns.x.size());
        for (std::size_t i = 0; i < columns.x.size(); ++i)
            if (const auto number = number_of(row[columns.x[i]]))
                means_[i] += (*number - means_[i]) / static_cast<double>(++known_[i]);
    }

    std::optional<double> filling(std::size_t i) const {
        if (request_.missing == Missing::zero) return 0;
        if (request_.missing == Missing::mean && known_.at(i) > 0) return means_[i];
        return {};
    }

    /// What is wrong with the row, or nothing.
    std::string read_row(const CsvRow& row, std::size_t place, std::span<const std::span<std::byte>> rows) {
        const CsvColumns& columns = table_.columns();
        if (row.size() != columns.names.size())
            return fmt::format("{} fields, expected {}", row.size(), columns.names.size());
        const bool wide = parts_[0].fields[0].type == ElementType::f64;
        for (std::size_t i = 0; i < columns.x.size(); ++i) {
            const std::string_view field = row[columns.x[i]];
            std::optional<double> value = number_of(field);
            if (!value && is_missing(field)) {
                value = filling(i);
                if (!value) return columns.describe(columns.x[i]) + " is missing; --missing zero or mean fills it";
            }
            if (!value || (!wide && !std::isfinite(static_cast<float>(*value)))) {
                return fmt::format("{} is \"{}\", expected a {}number", columns.describe(columns.x[i]),
                                   printable(field), value ? "smaller " : "");
            }
            store(wide ? ElementType::f64 : ElementType::f32, *value, place * columns.x.size() + i, rows[0]);
        }
        return columns.label ? read_label(row[*columns.label], place, rows[1]) : "";
    }

    /// What is likely where the very first row has a word among its numbers.
    std::string hint(const CsvRow& row) const {
        const CsvColumns& columns = table_.columns();
        if (columns.label || row.size() != columns.names.size()) return {};
        const auto word = std::ranges::find_if(
            columns.x, [&](std::size_t column) { return !number_of(row[column]) && !is_missing(row[column]); });
        if (word == columns.x.end()) return {};
        return fmt::format("; if that is the label: --label-column {}", printable(columns.names[*word]));
    }

    std::string read_label(std::string_view field, std::size_t place, std::span<std::byte> out) const {
        if (is_missing(field)) return "its label is missing";
        const std::optional<double> label = labels_.number(field);
        if (!label)
            return fmt::format("its label \"{}\" was not there when the file was read before", printable(field));
        store(parts_[0].fields[1].type, *label, place, out);
        return {};
    }

    static void store(ElementType type, double value, std::size_t place, std::span<std::byte> out) {
        data::with_type(type, [&](auto element) {
            element = static_cast<decltype(element)>(value);
            std::memcpy(out.data() + place * sizeof(element), &element, sizeof(element));
        });
    }

    Request request_;
    CsvTable table_;
    CsvLabels labels_;
    std::vector<double> means_; ///< of the columns of x, over the rows that have them
    std::vector<std::size_t> known_;
    std::vector<Part> parts_;
};

std::unique_ptr<Source> open_csv(const Request& request) { return std::make_unique<CsvSource>(request); }

/// Whether what a file begins with can be text of any 8-bit alphabet.
bool is_text(const std::string& file) {
    constexpr std::size_t enough = 1 << 14;
    GzipFile opened(file);
    std::vector<std::byte> start(enough);
    start.resize(opened.read(start));
    return std::none_of(start.begin(), start.end(), [](std::byte byte) {
        const auto c = std::to_integer<unsigned char>(byte);
        return c < ' ' && c != '\t' && c != '\n' && c != '\r';
    });
}

/// By the first rows of a text: they have as many fields, two or more, and among these are numbers.
bool recognises_csv(const std::string& source) {
    constexpr int enough = 10;
    std::error_code ignored;
    if (!fs::is_regular_file(source, ignored)) return false;
    try {
        if (!is_text(source)) return false;
        CsvReader reader(source, find_delimiter(source));
        std::size_t columns = 0;
        bool numbers = false;
        for (int i = 0; i < enough; ++i) {
            const CsvRow* row = reader.next();
            if (row == nullptr) break;
            if (i > 0 && row->size() != columns) return false;
            columns = row->size();
            for (std::size_t j = 0; j < columns; ++j) numbers |= number_of((*row)[j]).has_value();
        }
        return columns > 1 && numbers;
    } catch (const InputError&) {
        return false;
    }
}

bool claims_csv(const std::string& source) {
    std::error_code ignored;
    if (!fs::is_regular_file(source, ignored)) return false;
    const std::string name = source.ends_with(".gz") ? source.substr(0, source.size() - 3) : source;
    const std::string kind = fs::path(name).extension().string();
    return kind == ".csv" || kind == ".tsv" || kind == ".tab";
}

} // namespace

Format csv_format() {
    return {"csv",
            "a table as text, .csv or .tsv, .gz too",
            recognises_csv,
            open_csv,
            {"--label-column", "--columns", "--header", "--missing", "--shape"},
            claims_csv};
}

} // namespace elbo::convert
