#include "data/loader.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace elbo::data {
namespace {

/// Rows that are read at once of a file, so that small batches do not make small reads.
std::size_t stretch_rows(std::size_t row_bytes, std::size_t max_rows) {
    constexpr std::size_t usual_bytes = std::size_t{1} << 20;
    return std::max(max_rows, usual_bytes / row_bytes);
}

} // namespace

Loader::Loader(const Dataset& dataset, Binarize binarize, std::size_t max_rows)
    : dataset_(dataset), binarize_(binarize), x_(max_rows * dataset.dimensions()), room_(dataset.room()) {
    samples_.reserve(max_rows);
    rows_.reserve(max_rows);
    if (binarize != Binarize::none && (dataset.least() < 0 || dataset.greatest() > 1))
        reject(
            "{}: values from {:.6g} to {:.6g}, but data.binarize needs them in [0, 1]; set data.scale (a factor on the "
            "stored values) or data.binarize: none",
            dataset.name(), dataset.least(), dataset.greatest());
}

Rows Loader::take(Range positions, const EpochOrder& order, const Stream& noise) {
    rows_.resize(positions.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = dataset_.at(order.at(positions.begin + i));
    return take(rows_, noise);
}

Rows Loader::take(Range samples, const Stream& noise) {
    rows_.resize(samples.size());
    const std::byte* const first = dataset_.in_memory() ? dataset_.at(samples.begin).bytes : read(samples);
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = {samples.begin + i, first + i * dataset_.row_bytes()};
    return take(rows_, noise);
}

std::size_t Loader::bytes(std::size_t dimensions, std::size_t max_rows) {
    return max_rows * (dimensions * sizeof(float) + sizeof(std::uint64_t) + sizeof(Located));
}

std::size_t Loader::stretch_bytes(const storage::DatasetInfo& info, std::size_t max_rows) {
    return std::min(info.rows(), stretch_rows(info.row_bytes(), max_rows)) * info.row_bytes();
}

const std::byte* Loader::read(Range samples) {
    const std::size_t bytes = dataset_.row_bytes();
    if (samples.begin < stretch_.begin || samples.end > stretch_.end) {
        const std::uint64_t most = std::max(samples.size(), stretch_rows(bytes, samples_.capacity()));
        const Range wanted{samples.begin, std::min(dataset_.size(), samples.begin + most)};
        stretch_ = {};
        stretch_bytes_.resize(wanted.size() * bytes);
        dataset_.source()->read(wanted, stretch_bytes_);
        dataset_.source()->require_unchanged();
        stretch_ = wanted;
    }
    return &stretch_bytes_[(samples.begin - stretch_.begin) * bytes];
}

Rows Loader::take(std::span<const Located> rows, const Stream& noise) {
    constexpr std::size_t ahead = 4; // rows, which take longer to make than memory takes to answer
    const Matrix<float> x(x_.span().data(), rows.size(), dataset_.dimensions());
    samples_.resize(rows.size());
    for (std::size_t i = 0; i < std::min(ahead, x.rows()); ++i) dataset_.fetch(rows[i].bytes);
    for (std::size_t i = 0; i < x.rows(); ++i) {
        if (i + ahead < x.rows()) dataset_.fetch(rows[i + ahead].bytes);
        samples_[i] = rows[i].sample;
        dataset_.present(rows[i], noise, room_, x.row(i));
        if (binarize_ == Binarize::dynamic) binarize(noise, samples_[i], x.row(i));
        if (binarize_ == Binarize::threshold)
            for (float& value : x.row(i)) value = value >= 0.5F ? 1.0F : 0.0F;
    }
    return {x, samples_};
}

} // namespace elbo::data
