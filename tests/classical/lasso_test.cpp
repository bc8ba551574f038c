// The lasso against scikit-learn 1.9.1, and thresholds on small cases.
#include "classical/lasso.hpp"
#include "classical/thresholds.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace elbo::classical;

/// Five features, the last nearly the first; y of the first two and it.
Gram gram_of_samples() {
    constexpr std::size_t rows = 200, width = 5;
    elbo::testing::Congruential random(2);
    std::vector<double> x(rows * width), y(rows);
    for (double& value : x) value = random() - 0.5;
    for (std::size_t i = 0; i < rows; ++i) x[i * width + 4] = 0.7 * x[i * width] + 0.3 * x[i * width + 4];
    for (std::size_t i = 0; i < rows; ++i)
        y[i] = 2 * x[i * width] - x[i * width + 1] + 0.5 * x[i * width + 4] + 0.2 * (random() - 0.5);
    const auto centre = [&](std::vector<double>& values, std::size_t columns) {
        for (std::size_t j = 0; j < columns; ++j) {
            double mean = 0;
            for (std::size_t i = 0; i < rows; ++i) mean += values[i * columns + j] / rows;
            for (std::size_t i = 0; i < rows; ++i) values[i * columns + j] -= mean;
        }
    };
    centre(x, width);
    centre(y, 1);
    Gram gram{std::vector<double>(width * width), std::vector<double>(width), 0};
    for (std::size_t i = 0; i < rows; ++i) {
        gram.yy += y[i] * y[i] / rows;
        for (std::size_t j = 0; j < width; ++j) {
            gram.xy[j] += x[i * width + j] * y[i] / rows;
            for (std::size_t k = 0; k < width; ++k)
                gram.xx[j * width + k] += x[i * width + j] * x[i * width + k] / rows;
        }
    }
    return gram;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-8) << i;
}

// Lasso(alpha, fit_intercept=False, tol=1e-14)
TEST(Lasso, HasTheWeightsOfScikitLearn) {
    const Gram gram = gram_of_samples();
    expect_near(lasso(gram, 0.05), {1.7559370694, -0.342937184, 0, 0, 0});
    expect_near(lasso(gram, 0.01), {2.0400864458, -0.8855777488, 0, 0, 0.2778661836});
}

TEST(Lasso, ThePenaltyIsThatOfTheLeastError) {
    const Gram gram = gram_of_samples();
    // On the samples themselves the weakest of all is best: a thousandth of the largest product with y.
    EXPECT_NEAR(choose_penalty(gram, gram), 1e-3 * gram.xy[0], 1e-12);
    EXPECT_NEAR(gram.squared_error(lasso(gram, 0)), 0.2 * 0.2 / 12, 5e-4);
    EXPECT_DOUBLE_EQ(gram.squared_error(std::vector<double>(5)), gram.yy);
    // Where y has nothing to do with x elsewhere, nothing is best.
    Gram other = gram;
    other.xy.assign(5, 0.0);
    EXPECT_EQ(choose_penalty(gram, other), gram.xy[0]);
}

TEST(Lasso, AConstantFeatureGetsNothing) {
    const Gram gram{{1, 0, 0, 0}, {0.5, 0}, 1};
    EXPECT_EQ(lasso(gram, 0.1), (std::vector<double>{0.4, 0}));
}

TEST(Thresholds, CutTheLineWhereClassesChange) {
    const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8};
    const std::vector<std::uint32_t> classes = {2, 2, 2, 0, 0, 0, 1, 1};
    const Thresholds thresholds(values, classes, 3);
    EXPECT_EQ(thresholds.balanced_accuracy(values, classes), 1);
    EXPECT_EQ(thresholds.classify(-9), 2U);
    EXPECT_EQ(thresholds.classify(4.5), 0U);
    EXPECT_EQ(thresholds.classify(99), 1U);
}

// Two classes get one threshold: of 0 0 1 1 0 0 it can put all of class 1 and half of class 0 right.
TEST(Thresholds, AreOneLessThanClasses) {
    const std::vector<double> values = {1, 2, 3, 4, 5, 6};
    const std::vector<std::uint32_t> classes = {0, 0, 1, 1, 0, 0};
    EXPECT_DOUBLE_EQ(Thresholds(values, classes, 2).balanced_accuracy(values, classes), 0.75);
}

TEST(Thresholds, BalanceRareClasses) {
    // 90 of class 0 on both sides of 10 of class 1: naming all 0 would be right 9 times of 10.
    std::vector<double> values(100);
    std::vector<std::uint32_t> classes(100);
    for (std::size_t i = 0; i < 100; ++i) {
        values[i] = static_cast<double>(i);
        classes[i] = i >= 80 && i < 90 ? 1 : 0;
    }
    EXPECT_NEAR(Thresholds(values, classes, 2).balanced_accuracy(values, classes), (80.0 / 90 + 1) / 2, 1e-12);
    // A constant says nothing.
    EXPECT_DOUBLE_EQ(
        Thresholds(std::vector<double>(100, 3.0), classes, 2).balanced_accuracy(std::vector<double>(100, 3.0), classes),
        0.5);
}

} // namespace
