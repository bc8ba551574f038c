// Training and validation samples of one dataset, chosen by a seed: the rows are cut into as many stretches as there
// are validation samples, equal to one row, and one row of each, at random, is for validation. So both parts stay in
// the file's order, which streaming needs, a file sorted by label gives as many validation samples of each label as it
// should, and which row a number of either part stands for is a formula.
#pragma once

#include "data/plan.hpp"

#include <cstdint>

namespace elbo::data {

class Split {
public:
    enum class Part { train, validation };

    /// rows: 2 to 2^40 - 1; the fraction of them that is for validation, rounded, but at least one row on either side.
    Split(std::uint64_t rows, double validation_fraction, std::uint32_t seed);

    std::uint64_t size(Part part) const { return part == Part::train ? rows_ - validation_ : validation_; }

    /// The row of a part's sample with number i in [0, size(part)); greater for greater numbers.
    std::uint64_t row(Part part, std::uint64_t i) const;

private:
    Range stretch(std::uint64_t number) const;
    std::uint64_t chosen(std::uint64_t number) const; ///< row of a stretch

    std::uint64_t rows_, validation_;
    std::uint32_t seed_;
};

} // namespace elbo::data
