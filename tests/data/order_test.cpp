// The order of an epoch is a bijection for any number of samples, and looks shuffled.
#include "data/order.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace {

using elbo::data::EpochOrder;

std::vector<std::uint64_t> whole(const EpochOrder& order, std::uint64_t samples) {
    std::vector<std::uint64_t> sequence(samples);
    for (std::uint64_t i = 0; i < samples; ++i) sequence[i] = order.at(i);
    return sequence;
}

TEST(EpochOrder, IsABijectionForEverySmallNumberOfSamples) {
    for (std::uint64_t samples = 1; samples <= 300; ++samples) {
        const auto sequence = whole(EpochOrder(1, 0, samples), samples);
        const std::set<std::uint64_t> distinct(sequence.begin(), sequence.end());
        ASSERT_EQ(distinct.size(), samples);
        ASSERT_LT(*distinct.rbegin(), samples);
    }
}

TEST(EpochOrder, IsABijectionForOddAndLargeNumbers) {
    for (const std::uint64_t samples : {1003ULL, 4095ULL, 4096ULL, 4097ULL, 60000ULL, 131073ULL}) {
        std::vector<bool> seen(samples);
        const EpochOrder order(7, 3, samples);
        for (std::uint64_t i = 0; i < samples; ++i) {
            const std::uint64_t sample = order.at(i);
            ASSERT_LT(sample, samples);
            ASSERT_FALSE(seen[sample]) << samples;
            seen[sample] = true;
        }
    }
}

TEST(EpochOrder, DependsOnSeedAndEpochAlone) {
    const auto first = whole(EpochOrder(1, 0, 1000), 1000);
    EXPECT_EQ(first, whole(EpochOrder(1, 0, 1000), 1000));
    EXPECT_NE(first, whole(EpochOrder(2, 0, 1000), 1000));
    EXPECT_NE(first, whole(EpochOrder(1, 1, 1000), 1000));
}

TEST(EpochOrder, KeepsNoTraceOfTheFileOrder) {
    // Correlation of position and sample of a random permutation has standard deviation 1 / sqrt(N - 1): 5 of them.
    constexpr std::uint64_t samples = 20000;
    for (std::uint32_t epoch = 0; epoch < 5; ++epoch) {
        const auto sequence = whole(EpochOrder(1, epoch, samples), samples);
        const double mean = (samples - 1) / 2.0;
        double covariance = 0, variance = 0, neighbours = 0;
        for (std::uint64_t i = 0; i < samples; ++i) {
            const double x = static_cast<double>(i) - mean, y = static_cast<double>(sequence[i]) - mean;
            covariance += x * y;
            variance += x * x;
            if (i > 0) neighbours += y * (static_cast<double>(sequence[i - 1]) - mean);
        }
        EXPECT_LT(std::abs(covariance / variance), 5 / std::sqrt(samples - 1.0));
        EXPECT_LT(std::abs(neighbours / variance), 5 / std::sqrt(samples - 1.0));
    }
}

} // namespace
