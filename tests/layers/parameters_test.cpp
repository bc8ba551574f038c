// The table of parameters: places, gaps, and the moments of initial values.
#include "layers/parameters.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace elbo::layers {
namespace {

struct Moments {
    double mean = 0, variance = 0, least = 0, greatest = 0;
};

Moments moments(std::span<const float> values) {
    Moments m;
    double squares = 0;
    for (const float v : values) {
        m.mean += v;
        squares += static_cast<double>(v) * v;
        m.least = std::min<double>(m.least, v);
        m.greatest = std::max<double>(m.greatest, v);
    }
    const auto n = static_cast<double>(values.size());
    m.mean /= n;
    m.variance = squares / n - m.mean * m.mean;
    return m;
}

TEST(ParameterTable, AlignsWhereAskedAndNowhereElse) {
    ParameterTable table;
    EXPECT_EQ(table.add("a", {3, 5}, {}), 0u);
    EXPECT_EQ(table.add("b", {3}, {}), 15u);
    table.align();
    EXPECT_EQ(table.add("c", {2}, {}), 32u);
    table.align();
    table.align();
    EXPECT_EQ(table.size(), 48u);
    EXPECT_EQ(table.trainable(), 20u);
    EXPECT_EQ(table.all()[1].path, "b");
    EXPECT_EQ(table.all()[0].size, 15u);
}

TEST(ParameterTable, RefusesAPathTwice) {
    ParameterTable table;
    table.add("a", {1}, {});
    EXPECT_THROW(table.add("a", {2}, {}), std::logic_error);
}

TEST(ParameterTable, InitialValuesHaveTheirMoments) {
    ParameterTable table;
    constexpr std::size_t n = 100003;
    table.add("uniform", {n}, {Initial::Kind::uniform, 0.5});
    table.align();
    table.add("normal", {n}, {Initial::Kind::normal, 2.0});
    table.add("constant", {7}, {Initial::Kind::constant, -1.5});
    table.add("zero", {5}, {});
    std::vector<float> values(table.size(), 99.0f);
    table.initialise(1, values);
    const auto part = [&](std::size_t i) {
        return std::span<const float>(values).subspan(table.all()[i].offset, table.all()[i].size);
    };
    // Four standard errors: of the mean sigma / sqrt(n); of the variance sigma^2 sqrt((kurtosis - 1) / n).
    const Moments uniform = moments(part(0));
    const double root = std::sqrt(static_cast<double>(n));
    EXPECT_NEAR(uniform.mean, 0, 4 * std::sqrt(1.0 / 12) / root);
    EXPECT_NEAR(uniform.variance, 1.0 / 12, 4 * (1.0 / 12) * std::sqrt(0.8) / root);
    EXPECT_GE(uniform.least, -0.5);
    EXPECT_LE(uniform.greatest, 0.5);
    const Moments normal = moments(part(1));
    EXPECT_NEAR(normal.mean, 0, 4 * 2 / root);
    EXPECT_NEAR(normal.variance, 4, 4 * 4 * std::sqrt(2.0) / root);
    for (const float v : part(2)) EXPECT_EQ(v, -1.5f);
    for (const float v : part(3)) EXPECT_EQ(v, 0.0f);
    for (std::size_t gap = n; gap < table.all()[1].offset; ++gap) EXPECT_EQ(values[gap], 0.0f);
}

TEST(ParameterTable, InitialValuesFollowSeedAndIndex) {
    ParameterTable table;
    table.add("a", {64}, {Initial::Kind::normal, 1.0});
    table.add("b", {64}, {Initial::Kind::normal, 1.0});
    std::vector<float> first(128), again(128), other(128);
    table.initialise(1, first);
    table.initialise(1, again);
    table.initialise(2, other);
    EXPECT_EQ(first, again);
    EXPECT_NE(first, other);
    EXPECT_FALSE(std::equal(first.begin(), first.begin() + 64, first.begin() + 64));
}

TEST(ParameterTable, ClearsGapsAlone) {
    ParameterTable table;
    table.add("a", {3}, {});
    table.align();
    table.add("b", {2}, {});
    table.align();
    std::vector<float> array(table.size(), 1.0f);
    table.clear_gaps(array);
    for (std::size_t i = 0; i < array.size(); ++i) {
        EXPECT_EQ(array[i], i < 3 || i == 16 || i == 17 ? 1.0f : 0.0f) << i;
    }
}

} // namespace
} // namespace elbo::layers
