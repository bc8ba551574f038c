#include "data/loader.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <numeric>

namespace elbo::data {

Loader::Loader(const Dataset& dataset, Binarize binarize, std::size_t max_rows)
    : dataset_(dataset), binarize_(binarize), x_(max_rows * dataset.dimensions()) {
    samples_.reserve(max_rows);
    if (binarize != Binarize::none && (dataset.least() < 0 || dataset.greatest() > 1))
        reject(
            "{}: values from {:.6g} to {:.6g}, but data.binarize needs them in [0, 1]; set data.scale (a factor on the "
            "stored values) or data.binarize: none",
            dataset.name(), dataset.least(), dataset.greatest());
}

Rows Loader::take(Range positions, const EpochOrder& order, const Stream& noise) {
    samples_.resize(positions.size());
    for (std::size_t i = 0; i < samples_.size(); ++i) samples_[i] = order.at(positions.begin + i);
    return fill(noise);
}

Rows Loader::take(Range samples, const Stream& noise) {
    samples_.resize(samples.size());
    std::iota(samples_.begin(), samples_.end(), samples.begin);
    return fill(noise);
}

std::size_t Loader::bytes(std::size_t dimensions, std::size_t max_rows) {
    return max_rows * (dimensions * sizeof(float) + sizeof(std::uint64_t));
}

Rows Loader::fill(const Stream& noise) {
    constexpr std::size_t ahead = 4; // rows, which take longer to make than memory takes to answer
    const Matrix<float> x(x_.span().data(), samples_.size(), dataset_.dimensions());
    for (std::size_t i = 0; i < std::min(ahead, x.rows()); ++i) dataset_.fetch(samples_[i]);
    for (std::size_t i = 0; i < x.rows(); ++i) {
        if (i + ahead < x.rows()) dataset_.fetch(samples_[i + ahead]);
        dataset_.read(samples_[i], x.row(i));
        if (binarize_ == Binarize::dynamic) binarize(noise, samples_[i], x.row(i));
        if (binarize_ == Binarize::threshold)
            for (float& value : x.row(i)) value = value >= 0.5F ? 1.0F : 0.0F;
    }
    return {x, samples_};
}

} // namespace elbo::data
