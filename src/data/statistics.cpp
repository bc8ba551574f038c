#include "data/statistics.hpp"

#include "data/types.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

namespace elbo::data {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class T>
bool is_finite(T value) {
    if constexpr (std::is_floating_point_v<T>)
        return std::isfinite(value);
    else
        return true;
}

/// A mean and its sum of squares take in those of further values.
void join(double& count, double& mean, double& squares, double more, double other_mean, double other_squares) {
    if (more == 0) return;
    const double all = count + more, apart = other_mean - mean;
    mean += apart * more / all;
    squares += other_squares + apart * apart * count * more / all;
    count = all;
}

} // namespace

Statistics::Statistics(std::size_t elements)
    : counts_(elements),
      mean_(elements),
      squares_(elements),
      least_(elements, infinity),
      greatest_(elements, -infinity) {}

Statistics::Statistics(const Moments& moments, std::uint64_t rows) : Statistics(moments.mean.size()) {
    rows_ = rows;
    counts_.assign(elements(), static_cast<double>(rows));
    mean_ = moments.mean;
    for (std::size_t j = 0; j < elements(); ++j) squares_[j] = moments.variance[j] * counts_[j];
}

template <class T>
void Statistics::add_block(std::span<const T> values) {
    const std::size_t width = elements(), count = values.size() / width;
    std::vector<double> sums(width), counts(width), squares(width);
    for (std::size_t row = 0; row < count; ++row) {
        const std::span<const T> x = values.subspan(row * width, width);
        for (std::size_t j = 0; j < width; ++j) {
            const auto value = static_cast<double>(x[j]);
            if (!is_finite(x[j])) {
                ++not_finite_;
                if (!first_not_finite_) first_not_finite_ = rows_ + row;
                continue;
            }
            sums[j] += value;
            counts[j] += 1;
            zeros_ += value == 0 ? 1 : 0;
            least_[j] = std::min(least_[j], value);
            greatest_[j] = std::max(greatest_[j], value);
        }
    }
    for (std::size_t j = 0; j < width; ++j) sums[j] /= std::max(counts[j], 1.0);
    for (std::size_t row = 0; row < count; ++row)
        for (std::size_t j = 0; j < width; ++j) {
            const T value = values[row * width + j];
            const double distance = is_finite(value) ? static_cast<double>(value) - sums[j] : 0;
            squares[j] += distance * distance;
        }
    for (std::size_t j = 0; j < width; ++j) join(counts_[j], mean_[j], squares_[j], counts[j], sums[j], squares[j]);
    rows_ += count;
}

void Statistics::add(storage::ElementType type, std::span<const std::byte> rows) {
    with_type(type, [&](auto zero) { add_block(values_of<decltype(zero)>(rows)); });
}

void Statistics::merge(const Statistics& later) {
    for (std::size_t j = 0; j < elements(); ++j) {
        join(counts_[j], mean_[j], squares_[j], later.counts_[j], later.mean_[j], later.squares_[j]);
        least_[j] = std::min(least_[j], later.least_[j]);
        greatest_[j] = std::max(greatest_[j], later.greatest_[j]);
    }
    if (!first_not_finite_ && later.first_not_finite_) first_not_finite_ = rows_ + *later.first_not_finite_;
    rows_ += later.rows_;
    zeros_ += later.zeros_;
    not_finite_ += later.not_finite_;
}

std::vector<double> Statistics::figures() const {
    std::vector<double> all = {static_cast<double>(rows_)};
    for (const std::vector<double>* part : {&counts_, &mean_, &squares_, &least_, &greatest_})
        all.insert(all.end(), part->begin(), part->end());
    return all;
}

Statistics Statistics::from(std::span<const double> figures) {
    const std::size_t width = (figures.size() - 1) / 5;
    Statistics statistics(width);
    statistics.rows_ = static_cast<std::uint64_t>(figures[0]);
    std::size_t at = 1;
    for (std::vector<double>* part :
         {&statistics.counts_, &statistics.mean_, &statistics.squares_, &statistics.least_, &statistics.greatest_}) {
        std::ranges::copy(figures.subspan(at, width), part->begin());
        at += width;
    }
    return statistics;
}

std::vector<double> Statistics::variance() const {
    std::vector<double> variance = squares_;
    for (std::size_t j = 0; j < elements(); ++j) variance[j] /= std::max(counts_[j], 1.0);
    return variance;
}

Statistics::Overall Statistics::overall() const {
    Overall all;
    double count = 0, squares = 0;
    for (std::size_t j = 0; j < elements(); ++j) {
        join(count, all.mean, squares, counts_[j], mean_[j], squares_[j]);
        all.constant += least_[j] == greatest_[j] ? 1 : 0;
    }
    all.deviation = std::sqrt(squares / std::max(count, 1.0));
    all.least = *std::ranges::min_element(least_);
    all.greatest = *std::ranges::max_element(greatest_);
    return all;
}

} // namespace elbo::data
