#include "data/split.hpp"

#include "base/error.hpp"
#include "numerics/random.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::data {

namespace {

/// Of products of two numbers below 2^40.
__extension__ using Wide = unsigned __int128;

/// a * b / c, rounded down.
std::uint64_t share(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    return static_cast<std::uint64_t>(static_cast<Wide>(a) * b / c);
}

} // namespace

Split::Split(std::uint64_t rows, double validation_fraction, std::uint32_t seed) : rows_(rows), seed_(seed) {
    if (rows < 2 || rows >> 40) fail("{} rows are split: 2 to 2^40 - 1 are possible", rows);
    const double asked = std::round(static_cast<double>(rows) * validation_fraction);
    validation_ = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max(asked, 0.0)), 1, rows - 1);
}

Range Split::stretch(std::uint64_t number) const {
    return {share(rows_, number, validation_), share(rows_, number + 1, validation_)};
}

std::uint64_t Split::chosen(std::uint64_t number) const {
    const Range rows = stretch(number);
    const auto words = random_words({seed_, Purpose::validation_split, 0}, number, 0, 0);
    const std::uint64_t random = std::uint64_t{words[0]} << 32U | words[1];
    return rows.begin + static_cast<std::uint64_t>(static_cast<Wide>(random) * rows.size() >> 64U);
}

// Before stretch j lie share(rows, j, validation) - j = share(train, j, validation) training samples. So sample i is of
// the last stretch j for which that is at most i: j * train / validation < i + 1.
std::uint64_t Split::row(Part part, std::uint64_t i) const {
    if (i >= size(part)) fail("sample {} of a part of {}", i, size(part));
    if (part == Part::validation) return chosen(i);
    const std::uint64_t train = rows_ - validation_;
    const auto j = static_cast<std::uint64_t>((static_cast<Wide>(i + 1) * validation_ - 1) / train);
    const std::uint64_t row = i + j;
    return row < chosen(j) ? row : row + 1;
}

} // namespace elbo::data
