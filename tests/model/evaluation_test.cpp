// Means over samples and their standard errors.
#include "model/evaluation.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace elbo::model {
namespace {

Mean mean_of_values(const std::vector<double>& values) {
    data::Statistics statistics(1);
    statistics.add(storage::ElementType::f64, std::as_bytes(std::span(values)));
    return mean_of(statistics, 0);
}

TEST(Mean, ErrorIsOfTheSamplesVariance) {
    const Mean of_two = mean_of_values({1, 4});
    EXPECT_DOUBLE_EQ(of_two.value, 2.5);
    EXPECT_DOUBLE_EQ(of_two.error, 1.5); // sqrt((1.5^2 + 1.5^2) / (2 - 1) / 2)
    const Mean of_four = mean_of_values({1, 2, 4, 5});
    EXPECT_DOUBLE_EQ(of_four.value, 3);
    EXPECT_DOUBLE_EQ(of_four.error, std::sqrt(10.0 / 3 / 4));
}

TEST(Mean, OfOneSampleHasNoError) {
    const Mean mean = mean_of_values({-98.5});
    EXPECT_EQ(mean.value, -98.5);
    EXPECT_TRUE(std::isnan(mean.error));
}

} // namespace
} // namespace elbo::model
