// Statistics of a dataset: against the formulas written out, however the rows are cut.
#include "data/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace elbo::data {
namespace {

template <class T>
void add_rows(Statistics& statistics, storage::ElementType type, std::span<const T> values, std::size_t block_rows) {
    const std::size_t block = block_rows * statistics.elements();
    for (std::size_t at = 0; at < values.size(); at += block)
        statistics.add(type, std::as_bytes(values.subspan(at, std::min(block, values.size() - at))));
}

TEST(Statistics, AreThoseOfTheFormulas) {
    constexpr std::size_t width = 5, rows = 1003;
    std::mt19937 random(1);
    std::normal_distribution<double> normal(1e6, 1); // a naive sum of squares would lose every digit of the variance
    std::vector<double> values(rows * width);
    for (double& value : values) value = normal(random);
    for (std::size_t row = 0; row < rows; ++row) values[row * width] = 7;
    for (const std::size_t block : {std::size_t{1}, std::size_t{64}, rows}) {
        Statistics statistics(width);
        add_rows<double>(statistics, storage::ElementType::f64, values, block);
        EXPECT_EQ(statistics.rows(), rows);
        const std::vector<double> variance = statistics.variance();
        for (std::size_t j = 0; j < width; ++j) {
            long double mean = 0, squares = 0;
            for (std::size_t row = 0; row < rows; ++row) mean += values[row * width + j];
            mean /= rows;
            for (std::size_t row = 0; row < rows; ++row)
                squares += (values[row * width + j] - mean) * (values[row * width + j] - mean);
            // Sums of a thousand values near 1e6 round at 1e-7, and at each of them.
            EXPECT_NEAR(statistics.mean()[j], static_cast<double>(mean), 1e-8);
            EXPECT_NEAR(variance[j], static_cast<double>(squares / rows), 1e-8);
        }
        EXPECT_EQ(statistics.overall().constant, 1u);
        EXPECT_EQ(statistics.overall().least, 7);
    }
}

TEST(Statistics, MergedAreThoseOfAllRows) {
    std::vector<std::uint8_t> values(3 * 500);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(i * i % 251);
    Statistics whole(3), first(3), second(3);
    add_rows<std::uint8_t>(whole, storage::ElementType::u8, values, 50);
    add_rows<std::uint8_t>(first, storage::ElementType::u8, std::span(values).first(3 * 200), 50);
    add_rows<std::uint8_t>(second, storage::ElementType::u8, std::span(values).subspan(3 * 200), 50);
    first.merge(Statistics::from(second.figures()));
    EXPECT_EQ(second.figures().size(), Statistics::figures_of(3));
    EXPECT_EQ(first.rows(), whole.rows());
    for (std::size_t j = 0; j < 3; ++j) {
        EXPECT_NEAR(first.mean()[j], whole.mean()[j], 1e-11); // other roundings of doubles near 100
        EXPECT_NEAR(first.variance()[j], whole.variance()[j], 1e-9);
        EXPECT_EQ(first.least()[j], whole.least()[j]);
        EXPECT_EQ(first.greatest()[j], whole.greatest()[j]);
    }
}

TEST(Statistics, CountWhatIsNotFinite) {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    const std::vector<float> values = {1, 2, 3, 4, nan, 6, 7, infinity};
    Statistics statistics(2);
    add_rows<float>(statistics, storage::ElementType::f32, values, 1);
    EXPECT_EQ(statistics.not_finite(), 2u);
    EXPECT_EQ(statistics.first_not_finite(), 2u);
    EXPECT_NEAR(statistics.mean()[0], (1.0 + 3 + 7) / 3, 1e-15);
    EXPECT_NEAR(statistics.mean()[1], (2.0 + 4 + 6) / 3, 1e-15);
    EXPECT_EQ(statistics.greatest()[1], 6);
    Statistics later(2);
    later.merge(statistics);
    EXPECT_EQ(later.first_not_finite(), 2u);
}

} // namespace
} // namespace elbo::data
