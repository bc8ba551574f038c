// Histograms of the posterior: every value in the bin whose ends enclose it, and sums over dimensions.
#include "training/histograms.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace {

using namespace elbo;
using training::PosteriorHistograms;
using Of = PosteriorHistograms::Of;

double total(std::span<const double> counts) { return std::accumulate(counts.begin(), counts.end(), 0.0); }

TEST(PosteriorHistograms, ValuesFallBetweenTheEndsOfTheirBins) {
    for (const float value : {0.01F, -0.01F, 0.3F, -2.5F, 7.0F, -40.0F, 5000.0F}) {
        PosteriorHistograms histograms(1);
        histograms.add(Matrix<const float>(&value, 1, 1), Matrix<const float>(&value, 1, 1));
        const std::span<const double> counts = histograms.counts(Of::mean, 0), edges = histograms.edges();
        ASSERT_EQ(edges.size(), counts.size() + 1);
        const auto bin = static_cast<std::size_t>(std::ranges::find(counts, 1.0) - counts.begin());
        ASSERT_LT(bin, counts.size());
        EXPECT_LE(edges[bin], value);
        EXPECT_GE(edges[bin + 1], value);
        EXPECT_LT(edges[bin + 1] - edges[bin], 0.06 * std::max(1.0F, std::abs(value)));
        EXPECT_EQ(total(counts), 1);
    }
}

TEST(PosteriorHistograms, DimensionsAndKindsAreApart) {
    const std::vector<float> mean = {0.5F, -3, 0.5F, 4}, log_variance = {-1, -1, -1, -2};
    PosteriorHistograms histograms(2);
    for (int i = 0; i < 2; ++i)
        histograms.add(Matrix<const float>(mean.data(), 2, 2), Matrix<const float>(log_variance.data(), 2, 2));
    EXPECT_EQ(std::ranges::max(histograms.counts(Of::mean, 0)), 4);
    EXPECT_EQ(std::ranges::max(histograms.counts(Of::mean, 1)), 2);
    EXPECT_EQ(total(histograms.counts(Of::mean)), 8);
    EXPECT_EQ(std::ranges::max(histograms.counts(Of::log_variance)), 6);
}

TEST(PosteriorHistograms, WhatIsBeyondIsInTheLastBinAndNoNumberNowhere) {
    const std::vector<float> values = {1e30F, -1e30F, std::numeric_limits<float>::quiet_NaN(),
                                       std::numeric_limits<float>::infinity()};
    PosteriorHistograms histograms(1);
    histograms.add(Matrix<const float>(values.data(), 4, 1), Matrix<const float>(values.data(), 4, 1));
    const std::span<const double> counts = histograms.counts(Of::mean, 0);
    EXPECT_EQ(counts.front(), 1);
    EXPECT_EQ(counts.back(), 2);
    EXPECT_EQ(total(counts), 3);
}

} // namespace
