// A dataset of the output: the rows of a field in a split, written in whole chunks.
#pragma once

#include "convert/convert.hpp"
#include "data/order.hpp"
#include "data/statistics.hpp"
#include "storage/spool.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace elbo::convert {

class Target {
public:
    /// Creates the dataset. Rows are kept in the order in which they come, or shuffled as the request says.
    Target(storage::DatasetFileWriter& out, std::string dataset, const Field& field, std::size_t rows,
           const Request& request);
    /// The next rows, which begin at a multiple of an element's size.
    void put(std::span<const std::byte> rows);
    /// Writes what is left, and statistics where the request asks for those of this field.
    void finish();

    const std::string& dataset() const { return dataset_; }

private:
    void write(std::span<const std::byte> rows);
    void write_spooled();
    void write_statistics();

    storage::DatasetFileWriter& out_;
    std::string dataset_;
    Shape row_shape_;
    storage::ElementType type_;
    std::size_t rows_, row_bytes_, chunk_bytes_, written_ = 0;
    std::vector<std::byte> chunk_; ///< rows that do not fill a chunk yet
    std::optional<data::Statistics> statistics_;
    // Where rows are shuffled: each one goes to its place of a temporary file, and chunks are cut from that.
    std::optional<data::EpochOrder> order_;
    std::optional<storage::Spool> spool_;
    std::size_t spooled_ = 0;
};

} // namespace elbo::convert
