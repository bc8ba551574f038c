#include "convert/statistics.hpp"

#include "convert/elements.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace elbo::convert {

Statistics::Statistics(std::size_t features)
    : mean_(features),
      squares_(features),
      least_(features, std::numeric_limits<double>::infinity()),
      greatest_(features, -std::numeric_limits<double>::infinity()),
      block_mean_(features),
      block_squares_(features) {}

template <class T>
void Statistics::add_block(std::span<const std::byte> rows) {
    const std::size_t features = mean_.size(), count = rows.size() / (features * sizeof(T));
    if (count == 0) return;
    const auto each = [&](auto&& work) {
        for (std::size_t row = 0; row < count; ++row)
            for (std::size_t feature = 0; feature < features; ++feature) {
                T value;
                std::memcpy(&value, rows.data() + (row * features + feature) * sizeof(T), sizeof(T));
                work(feature, static_cast<double>(value));
            }
    };
    const auto block_rows = static_cast<double>(count);
    std::fill(block_mean_.begin(), block_mean_.end(), 0.0);
    std::fill(block_squares_.begin(), block_squares_.end(), 0.0);
    each([&](std::size_t feature, double value) {
        block_mean_[feature] += value;
        least_[feature] = std::min(least_[feature], value);
        greatest_[feature] = std::max(greatest_[feature], value);
    });
    for (double& mean : block_mean_) mean /= block_rows;
    each([&](std::size_t feature, double value) {
        const double distance = value - block_mean_[feature];
        block_squares_[feature] += distance * distance;
    });
    const auto before = static_cast<double>(rows_), all = before + block_rows;
    for (std::size_t feature = 0; feature < features; ++feature) {
        const double apart = block_mean_[feature] - mean_[feature];
        mean_[feature] += apart * block_rows / all;
        squares_[feature] += block_squares_[feature] + apart * apart * before * block_rows / all;
    }
    rows_ += count;
}

void Statistics::add(storage::ElementType type, std::span<const std::byte> rows) {
    with_element(type, [&](auto element) { add_block<decltype(element)>(rows); });
}

std::vector<double> Statistics::variance() const {
    std::vector<double> variance = squares_;
    for (double& value : variance) value /= static_cast<double>(rows_);
    return variance;
}

} // namespace elbo::convert
