// Mean, variance, least and greatest value of each feature, in one pass: the mean and the sum of squares about it of a
// block of rows, and blocks joined by the formula of Chan, Golub & LeVeque (1983).
#pragma once

#include "convert/source.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::convert {

class Statistics {
public:
    explicit Statistics(std::size_t features);
    /// A block of rows. The figures depend on how rows are cut into blocks in their last bits, so the caller always
    /// cuts them alike.
    void add(storage::ElementType type, std::span<const std::byte> rows);

    std::span<const double> mean() const { return mean_; }
    std::vector<double> variance() const; ///< about the mean, divided by the number of rows
    std::span<const double> least() const { return least_; }
    std::span<const double> greatest() const { return greatest_; }

private:
    template <class T>
    void add_block(std::span<const std::byte> rows);

    std::size_t rows_ = 0;
    std::vector<double> mean_, squares_, least_, greatest_; ///< squares_: of the distances to the mean
    std::vector<double> block_mean_, block_squares_;
};

} // namespace elbo::convert
