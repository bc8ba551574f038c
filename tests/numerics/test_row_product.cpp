// Products of few rows against sums in double, on every instruction set: odd sizes, rows that stand apart, bias.
#include "numerics/every_target.hpp"
#include "numerics/matmul.hpp"
#include "numerics/row_product.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace elbo {
namespace {

constexpr float untouched = 123;

/// A matrix of uniform values, whose rows stand `gap` further apart than they are long.
struct Owned {
    Owned(std::size_t rows, std::size_t columns, std::size_t gap, unsigned seed)
        : memory(rows * (columns + gap), untouched), view(memory.data(), rows, columns, columns + gap) {
        std::mt19937 generator(seed);
        std::uniform_real_distribution<float> values(-1, 1);
        for (std::size_t i = 0; i < rows; ++i)
            for (float& x : view.row(i)) x = values(generator);
    }
    std::vector<float> memory;
    Matrix<float> view;
};

void expect_product(std::size_t m, std::size_t n, std::size_t k, bool with_bias) {
    SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k));
    const Owned a(m, k, 3, 1), b(n, k, 5, 2), bias(1, n, 0, 3);
    Owned c(m, n, 2, 4);
    product_of_rows(a.view, b.view, c.view, with_bias ? bias.view.row(0) : std::span<const float>());
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            double sum = with_bias ? bias.memory[j] : 0;
            for (std::size_t p = 0; p < k; ++p) sum += static_cast<double>(a.view.row(i)[p]) * b.view.row(j)[p];
            ASSERT_NEAR(c.view.row(i)[j], sum, 1e-6 * static_cast<double>(k + 4)) << i << ' ' << j;
        }
        for (std::size_t gap = 0; gap < 2; ++gap) ASSERT_EQ(c.memory[i * (n + 2) + n + gap], untouched);
    }
}

TEST(RowProduct, AgreesWithSumsInDouble) {
    on_every_target([] {
        for (const std::size_t m : {1, 2, 5, 6, 7, 13, 20})
            for (const std::size_t n : {1, 3, 4, 6, 17})
                for (const std::size_t k : {1, 15, 16, 17, 33, 130}) expect_product(m, n, k, (m + n + k) % 2 == 0);
    });
}

/// However many rows come along, and wherever among them it stands.
TEST(RowProduct, ARowHasTheSameBitsInAnyCompany) {
    const std::size_t n = 11, k = 203;
    const Owned a(19, k, 0, 1), b(n, k, 0, 2);
    Owned all(19, n, 0, 3);
    product_of_rows(a.view, b.view, all.view, {});
    for (std::size_t first = 0; first < 19; ++first)
        for (std::size_t count = 1; first + count <= 19; ++count) {
            Owned some(count, n, 0, 4);
            product_of_rows(a.view.some_rows(first, count), b.view, some.view, {});
            for (std::size_t i = 0; i < count; ++i)
                ASSERT_TRUE(std::ranges::equal(some.view.row(i), all.view.row(first + i))) << first << ' ' << count;
        }
}

TEST(RowProduct, NotANumberStaysInItsRow) {
    Owned a(7, 140, 0, 1), c(7, 9, 0, 3);
    const Owned b(9, 140, 0, 2);
    a.view.row(4)[139] = std::numeric_limits<float>::quiet_NaN();
    product_of_rows(a.view, b.view, c.view, {});
    for (std::size_t i = 0; i < 7; ++i)
        for (const float x : c.view.row(i)) EXPECT_EQ(std::isnan(x), i == 4) << i;
}

TEST(RowProduct, RefusesShapesThatDoNotFit) {
    const Owned a(3, 8, 0, 1), b(4, 8, 0, 2), longer(4, 9, 0, 2);
    Owned c(3, 4, 0, 3), wide(3, 5, 0, 3);
    const std::vector<float> bias(5);
    EXPECT_THROW(product_of_rows(a.view, longer.view, c.view, {}), Error);
    EXPECT_THROW(product_of_rows(a.view, b.view, wide.view, {}), Error);
    EXPECT_THROW(product_of_rows(a.view, b.view, c.view, bias), Error);
}

/// A Product takes it where rows are few, with the same result as oneDNN's but for rounding.
TEST(RowProduct, IsAProductsWayForFewRows) {
    set_matmul_threads(1);
    const std::size_t k = 400, n = 30;
    if (few_rows(k) == 0) GTEST_SKIP() << "this CPU has no vectors of 512 bits";
    const std::size_t m = few_rows(k) + 1;
    const Owned a(m, k, 0, 1), b(n, k, 0, 2);
    Owned many(m, n, 0, 3), few(m - 1, n, 0, 4), rows(m - 1, n, 0, 5);
    Product product(Transpose::b);
    product(a.view, b.view, many.view);
    product(a.view.first_rows(m - 1), b.view, few.view);
    product_of_rows(a.view.first_rows(m - 1), b.view, rows.view, {});
    EXPECT_EQ(few.memory, rows.memory);
    for (std::size_t i = 0; i + 1 < m; ++i)
        for (std::size_t j = 0; j < n; ++j) EXPECT_NEAR(few.view.row(i)[j], many.view.row(i)[j], 1e-4);
}

} // namespace
} // namespace elbo
