// Files of rows that all have the same length, one after the other.
#pragma once

#include "convert/open_files.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace elbo::convert {

class RowFiles {
public:
    /// Rows of so many bytes behind a header, up to the file's end. Throws InputError naming the file where it has no
    /// row, or part of one.
    void add(const std::string& path, std::size_t header_bytes, std::size_t row_bytes);
    std::size_t rows() const { return rows_; }
    /// Rows from `begin` on, across files.
    void read(std::size_t begin, std::span<std::byte> out);
    /// Which row of which file that is: "a.bin: row 17".
    std::string where(std::size_t row) const;

private:
    struct Run {
        std::size_t header_bytes, first, rows;
    };
    std::size_t run_of(std::size_t row) const;

    OpenFiles files_;
    std::vector<Run> runs_; ///< of each file
    std::size_t rows_ = 0, row_bytes_ = 0;
};

} // namespace elbo::convert
