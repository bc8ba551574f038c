// The canonical tree of sums, and the kernels that feed it.
#include "base/error.hpp"
#include "numerics/every_target.hpp"
#include "numerics/sums.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace elbo {
namespace {

/// Terms of very different size, so that another order of addition gives another result.
std::vector<double> uneven_terms(std::size_t count) {
    std::mt19937_64 generator(count);
    std::vector<double> terms(count);
    for (double& term : terms) {
        const int exponent = static_cast<int>(generator() % 60) - 30;
        term = std::ldexp(static_cast<double>(generator() >> 11), exponent) * (generator() % 2 == 0 ? 1 : -1);
    }
    return terms;
}

TEST(TreeSum, SplitsAtTheLargestPowerOfTwoBelow) {
    const std::vector<double> t = uneven_terms(7);
    EXPECT_EQ(tree_sum({}), 0.0);
    EXPECT_EQ(tree_sum(std::span(t).first(1)), t[0]);
    EXPECT_EQ(tree_sum(std::span(t).first(3)), (t[0] + t[1]) + t[2]);
    EXPECT_EQ(tree_sum(std::span(t).first(4)), (t[0] + t[1]) + (t[2] + t[3]));
    EXPECT_EQ(tree_sum(std::span(t).first(5)), ((t[0] + t[1]) + (t[2] + t[3])) + t[4]);
    EXPECT_EQ(tree_sum(t), ((t[0] + t[1]) + (t[2] + t[3])) + ((t[4] + t[5]) + t[6]));
}

TEST(TreeSum, IsNotTheSumFromLeftToRight) {
    const std::vector<double> terms = uneven_terms(1000);
    double left_to_right = 0;
    for (const double term : terms) left_to_right += term;
    EXPECT_NE(tree_sum(terms), left_to_right);
}

/// Whoever has computed the root of [0, 2^k) can put it in place of its terms.
TEST(TreeSum, AlignedSubtreesMayBeFoldedBeforehand) {
    for (const std::size_t count : {9u, 100u, 257u, 1023u}) {
        const std::vector<double> terms = uneven_terms(count);
        for (std::size_t width = 2; width <= 64; width *= 2) {
            std::vector<double> roots;
            for (std::size_t begin = 0; begin < count; begin += width)
                roots.push_back(tree_sum(std::span(terms).subspan(begin, std::min(width, count - begin))));
            EXPECT_EQ(tree_sum(roots), tree_sum(terms)) << count << " terms in subtrees of " << width;
        }
    }
}

TEST(SumOfSquares, IsInDouble) {
    on_every_target([] {
        for (std::size_t count = 0; count <= 70; ++count) {
            std::vector<float> block(count);
            double expected = 0;
            for (std::size_t i = 0; i < count; ++i) {
                block[i] = static_cast<float>(i) - 20;
                expected += static_cast<double>(block[i]) * static_cast<double>(block[i]);
            }
            EXPECT_EQ(sum_of_squares(block), expected) << count; // integers: exact in any order
        }
        const std::vector<float> large(10, 1e30f); // squares beyond float's range
        EXPECT_NEAR(sum_of_squares(large), 1e61, 1e54);
    });
}

TEST(ColumnSums, AddEveryRowOnce) {
    on_every_target([] {
        for (const std::size_t columns : {1u, 5u, 16u, 33u, 400u}) {
            for (const std::size_t rows : {0u, 1u, 7u, 128u}) {
                const std::size_t stride = columns + 3;
                std::vector<float> memory(rows * stride, std::numeric_limits<float>::quiet_NaN());
                for (std::size_t i = 0; i < rows; ++i)
                    for (std::size_t j = 0; j < columns; ++j) memory[i * stride + j] = static_cast<float>(i * 7 + j);
                std::vector<float> sums(columns, -1.0f);
                column_sums(Matrix<const float>(memory.data(), rows, columns, stride), sums);
                for (std::size_t j = 0; j < columns; ++j) {
                    const double expected = 7.0 * static_cast<double>(rows) * (static_cast<double>(rows) - 1) / 2 +
                                            static_cast<double>(rows * j);
                    ASSERT_EQ(sums[j], static_cast<float>(expected)) << rows << " x " << columns << ", column " << j;
                }
            }
        }
    });
}

TEST(ColumnSums, DoNotDriftOverManyRows) {
    const std::vector<float> column(1 << 20, 0.1f);
    std::vector<float> sum(1);
    column_sums(Matrix<const float>(column.data(), column.size(), 1), sum);
    EXPECT_FLOAT_EQ(sum[0], static_cast<float>((1 << 20) * static_cast<double>(0.1f)));
}

TEST(ColumnSums, RefuseAnotherNumberOfColumns) {
    std::vector<float> memory(12), sums(5);
    EXPECT_THROW(column_sums(Matrix<const float>(memory.data(), 3, 4), sums), Error);
}

TEST(AllFinite, FindsASingleBadValueAnywhere) {
    on_every_target([] {
        const float bad[] = {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN()};
        for (const std::size_t count : {1u, 15u, 16u, 17u, 100u}) {
            std::vector<float> values(count, std::numeric_limits<float>::max());
            EXPECT_TRUE(all_finite(values));
            for (const float value : bad) {
                for (std::size_t at = 0; at < count; ++at) {
                    values[at] = value;
                    EXPECT_FALSE(all_finite(values)) << value << " at " << at << " of " << count;
                    values[at] = -std::numeric_limits<float>::max();
                }
            }
        }
        EXPECT_TRUE(all_finite({}));
    });
}

} // namespace
} // namespace elbo
