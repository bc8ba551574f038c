// Rows of a CSV file (RFC 4180, libcsv), plain or gzipped, one after the other.
#pragma once

#include "convert/gzip_file.hpp"

#include <csv.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::convert {

/// A row's fields, unquoted, blanks around them taken off.
class CsvRow {
public:
    std::size_t size() const { return ends_.size(); }
    std::string_view operator[](std::size_t field) const;
    std::size_t line() const { return line_; } ///< where it begins, from 1 on

private:
    friend class CsvReader;
    std::string text_;
    std::vector<std::uint32_t> ends_; ///< of each field, in text_
    std::size_t line_ = 1;
};

/// Throws InputError naming file and line where the text is no CSV or a row does not end.
class CsvReader {
public:
    CsvReader(const std::filesystem::path& file, char delimiter);
    ~CsvReader();
    CsvReader(const CsvReader&) = delete;
    CsvReader& operator=(const CsvReader&) = delete;

    /// The next row, which is valid until the one after; nullptr behind the last.
    const CsvRow* next();
    std::string where(const CsvRow& row) const; ///< "data.csv: line 7"

private:
    bool refill();
    void feed();
    void finish();

    GzipFile file_;
    csv_parser parser_{};
    std::vector<std::byte> block_;
    std::size_t place_ = 0, filled_ = 0; ///< in the block
    std::size_t line_ = 1, pending_bytes_ = 0;
    bool complete_ = false, ended_ = false, first_ = true;
    CsvRow row_;
};

/// Comma, semicolon, tab or bar: that of which a file's first line has most.
char find_delimiter(const std::filesystem::path& file);

} // namespace elbo::convert
