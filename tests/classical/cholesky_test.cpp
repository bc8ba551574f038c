// The Cholesky factor and its inverse: a case by hand, and products that must give the matrix again.
#include "classical/cholesky.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace elbo::classical {
namespace {

TEST(Cholesky, FactorsByHand) {
    const std::vector<double> matrix = {4, 99, 99, 2, 5, 99, -2, 1, 11}; // above the diagonal nothing is read
    std::vector<double> lower(9), inverse(9);
    ASSERT_TRUE(cholesky({matrix.data(), 3, 3}, {lower.data(), 3, 3}));
    EXPECT_EQ(lower, (std::vector<double>{2, 0, 0, 1, 2, 0, -1, 1, 3}));
    invert_lower({lower.data(), 3, 3}, {inverse.data(), 3, 3});
    const std::vector<double> expected = {0.5, 0, 0, -0.25, 0.5, 0, 0.25, -1.0 / 6, 1.0 / 3};
    for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(inverse[i], expected[i], 1e-15) << i;
}

TEST(Cholesky, WorksInPlace) {
    std::vector<double> matrix = {4, 2, 2, 5};
    ASSERT_TRUE(cholesky({matrix.data(), 2, 2}, {matrix.data(), 2, 2}));
    EXPECT_EQ(matrix, (std::vector<double>{2, 0, 1, 2}));
}

TEST(Cholesky, SaysWhatIsNotPositiveDefinite) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (const std::vector<double>& matrix :
         {std::vector<double>{1, 0, 2, 4}, {0, 0, 0, 1}, {-1, 0, 0, 1}, {1, 0, infinity, 1}, {1, 0, 0, infinity}}) {
        std::vector<double> lower(4);
        EXPECT_FALSE(cholesky({matrix.data(), 2, 2}, {lower.data(), 2, 2})) << matrix[0] << ' ' << matrix[2];
    }
}

} // namespace
} // namespace elbo::classical
