// Mean, variance, least and greatest value of each element of a sample, in one pass: the mean and the sum of squares
// about it of a block of rows, and blocks joined by the formula of Chan, Golub & LeVeque (1983, "Algorithms for
// computing the sample variance").
#pragma once

#include "storage/dataset.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace elbo::data {

/// Of each element.
struct Moments {
    std::vector<double> mean, variance; ///< variance: about the mean, divided by the number of values
};

class Statistics {
public:
    explicit Statistics(std::size_t elements);
    /// Rows of which these are known, and no least and greatest values.
    Statistics(const Moments& moments, std::uint64_t rows);

    /// A block of rows in memory type. Values that are not finite are counted and left out. The last bits depend on how
    /// rows are cut into blocks, so callers always cut them alike.
    void add(storage::ElementType type, std::span<const std::byte> rows);
    /// What another has seen of rows behind these.
    void merge(const Statistics& later);

    /// All of it as numbers, to be handed to another rank and read back there; values must all have been finite.
    std::vector<double> figures() const;
    static std::size_t figures_of(std::size_t elements) { return 5 * elements + 1; }
    static Statistics from(std::span<const double> figures);

    std::size_t elements() const { return mean_.size(); }
    std::uint64_t rows() const { return rows_; }
    /// Finite values of each element.
    std::span<const double> counts() const { return counts_; }
    std::span<const double> mean() const { return mean_; }
    std::vector<double> variance() const; ///< about the mean, divided by the number of values
    Moments moments() const { return {mean_, variance()}; }
    std::span<const double> least() const { return least_; }
    std::span<const double> greatest() const { return greatest_; }

    std::uint64_t zeros() const { return zeros_; }
    std::uint64_t not_finite() const { return not_finite_; }
    std::optional<std::uint64_t> first_not_finite() const { return first_not_finite_; } ///< its row

    /// Of all elements together.
    struct Overall {
        double mean = 0, deviation = 0, least = 0, greatest = 0;
        std::size_t constant = 0; ///< elements that are the same in every sample
    };
    Overall overall() const;

private:
    template <class T>
    void add_block(std::span<const T> values);

    std::uint64_t rows_ = 0, zeros_ = 0, not_finite_ = 0;
    std::optional<std::uint64_t> first_not_finite_;
    std::vector<double> counts_, mean_, squares_, least_, greatest_; ///< squares_: of the distances to the mean
};

} // namespace elbo::data
