// Classes told apart by one number: thresholds on it that make the fewest balanced errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elbo::classical {

class Thresholds {
public:
    /// classes: of each value, below `count`. The line is cut into at most `count` segments, each said to be of one
    /// class, at 100-quantiles of the values, so that the sum over classes of the share of their values that are put
    /// right is the greatest: by dynamic programming over cuts.
    Thresholds(std::span<const double> values, std::span<const std::uint32_t> classes, std::size_t count);

    std::uint32_t classify(double value) const { return classes_[bin(value)]; }

    /// Mean over the classes that occur of the share of their values that are put right.
    double balanced_accuracy(std::span<const double> values, std::span<const std::uint32_t> classes) const;

private:
    std::size_t bin(double value) const;

    std::size_t count_;
    std::vector<double> edges_;          ///< of the bins, ascending; a value on one belongs to the bin above
    std::vector<std::uint32_t> classes_; ///< of each bin
};

} // namespace elbo::classical
