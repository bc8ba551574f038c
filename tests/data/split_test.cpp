// Splitting one dataset: every row is in one part, sizes are exact, order and balance are kept.
#include "data/split.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace elbo::data {
namespace {

using enum Split::Part;

std::vector<std::uint64_t> rows_of(const Split& split, Split::Part part) {
    std::vector<std::uint64_t> rows;
    for (std::uint64_t i = 0; i < split.size(part); ++i) rows.push_back(split.row(part, i));
    return rows;
}

TEST(Split, EveryRowIsInOnePartInOrder) {
    for (const std::uint64_t rows : {2, 3, 7, 10, 101, 1000, 4097})
        for (const double fraction : {1e-9, 0.01, 0.1, 0.25, 1.0 / 3, 0.5, 0.77, 0.999}) {
            const Split split(rows, fraction, 1);
            const auto train_rows = rows_of(split, train), validation_rows = rows_of(split, validation);
            EXPECT_TRUE(std::ranges::is_sorted(train_rows)) << rows << " " << fraction;
            EXPECT_TRUE(std::ranges::is_sorted(validation_rows));
            std::vector<std::uint64_t> all;
            std::ranges::merge(train_rows, validation_rows, std::back_inserter(all));
            ASSERT_EQ(all.size(), rows);
            for (std::uint64_t row = 0; row < rows; ++row) ASSERT_EQ(all[row], row) << rows << " " << fraction;
            const double asked = std::round(static_cast<double>(rows) * fraction);
            EXPECT_EQ(split.size(validation),
                      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(asked), 1, rows - 1));
        }
}

TEST(Split, SeedsChooseOthersEachRowAboutAsOften) {
    constexpr std::uint64_t rows = 40, seeds = 4000;
    std::vector<double> chosen(rows);
    for (std::uint32_t seed = 0; seed < seeds; ++seed)
        for (const std::uint64_t row : rows_of(Split(rows, 0.25, seed), validation)) chosen[row] += 1.0 / seeds;
    // A mean of 4000 draws with probability 1/4 has deviation 0.0068.
    for (const double share : chosen) EXPECT_NEAR(share, 0.25, 5 * 0.0068);
    EXPECT_NE(rows_of(Split(rows, 0.25, 1), validation), rows_of(Split(rows, 0.25, 2), validation));
    EXPECT_EQ(rows_of(Split(rows, 0.25, 1), validation), rows_of(Split(rows, 0.25, 1), validation));
}

TEST(Split, WorksUpToItsLimit) {
    constexpr std::uint64_t rows = (std::uint64_t{1} << 40) - 1;
    const Split split(rows, 0.3, 9);
    const std::uint64_t last = split.size(train) - 1;
    EXPECT_GE(split.row(train, last), rows - 8);
    EXPECT_LT(split.row(train, last), rows);
    for (std::uint64_t i = last / 2; i < last / 2 + 1000; ++i) ASSERT_LT(split.row(train, i), split.row(train, i + 1));
    EXPECT_ANY_THROW(Split(1, 0.5, 1));
    EXPECT_ANY_THROW(split.row(train, last + 1));
}

} // namespace
} // namespace elbo::data
