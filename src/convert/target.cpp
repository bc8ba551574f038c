#include "convert/target.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "convert/division.hpp"

#include <algorithm>
#include <limits>

namespace elbo::convert {

namespace {

/// Features of which statistics are kept: eight doubles each.
constexpr std::size_t most_features = 1 << 21;

Shape with_rows(std::size_t rows, const Shape& row) {
    Shape shape = {rows};
    shape.insert(shape.end(), row.begin(), row.end());
    return shape;
}

} // namespace

Target::Target(storage::DatasetFileWriter& out, std::string dataset, const Field& field, std::size_t rows,
               const Request& request)
    : out_(out),
      dataset_(std::move(dataset)),
      row_shape_(field.shape),
      type_(field.type),
      rows_(rows),
      row_bytes_(field.row_bytes()) {
    const Shape shape = with_rows(rows, field.shape);
    out_.create(dataset_, shape, type_);
    chunk_bytes_ = storage::chunk_rows(shape, type_) * row_bytes_;
    if (request.stats && field.name == "x") {
        const std::size_t features = elements(field.shape);
        if (features > most_features) {
            reject("--stats: a row of {} has {} features, at most {} are possible", dataset_, with_commas(features),
                   with_commas(most_features));
        }
        statistics_.emplace(features);
    }
    if (request.shuffle_seed && rows > 1) {
        order_.emplace(shuffled_order(*request.shuffle_seed, rows));
        spool_.emplace(scratch_folder(request));
    }
}

void Target::put(std::span<const std::byte> rows) {
    if (spool_) {
        for (; !rows.empty(); rows = rows.subspan(row_bytes_))
            spool_->write(order_->at(spooled_++) * row_bytes_, rows.first(row_bytes_));
        return;
    }
    while (!rows.empty()) {
        const std::size_t taken = std::min(rows.size(), chunk_bytes_ - chunk_.size());
        if (taken == chunk_bytes_) {
            write(rows.first(taken));
        } else {
            chunk_.insert(chunk_.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(taken));
            if (chunk_.size() == chunk_bytes_) {
                write(chunk_);
                chunk_.clear();
            }
        }
        rows = rows.subspan(taken);
    }
}

void Target::finish() {
    if (spool_) write_spooled();
    if (!chunk_.empty()) write(chunk_);
    chunk_ = {};
    if (statistics_) write_statistics();
}

void Target::write(std::span<const std::byte> rows) {
    const std::size_t count = rows.size() / row_bytes_;
    out_.write_rows(dataset_, written_, count, rows);
    written_ += count;
    if (statistics_) statistics_->add(type_, rows);
}

void Target::write_spooled() {
    chunk_.resize(chunk_bytes_);
    for (std::size_t done = 0; done < rows_ * row_bytes_; done += chunk_bytes_) {
        const auto part = std::span(chunk_).first(std::min(chunk_bytes_, rows_ * row_bytes_ - done));
        spool_->read(done, part);
        write(part);
    }
    chunk_.clear();
    spool_.reset();
}

void Target::write_statistics() {
    const Shape shape = row_shape_.empty() ? Shape{1} : row_shape_;
    const std::string folder = fmt::format("/stats{}", dataset_);
    const auto keep = [&](const char* name, std::span<const double> found) {
        std::vector<double> values(found.begin(), found.end());
        for (std::size_t i = 0; i < values.size(); ++i)
            if (statistics_->counts()[i] == 0) values[i] = std::numeric_limits<double>::quiet_NaN(); // nothing is known
        const std::string dataset = fmt::format("{}/{}", folder, name);
        out_.create(dataset, shape, storage::ElementType::f64);
        out_.write_rows(dataset, 0, shape[0], std::as_bytes(std::span(values)));
        out_.attribute(dataset, "rows", fmt::format("{}", rows_)); // that they are of
    };
    keep("mean", statistics_->mean());
    keep("variance", statistics_->variance());
    keep("min", statistics_->least());
    keep("max", statistics_->greatest());
    if (statistics_->not_finite() > 0)
        out_.attribute(folder, "not_finite", fmt::format("{}", statistics_->not_finite()));
}

} // namespace elbo::convert
