// The search for the first number that is not finite.
#include "layers/not_finite.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace elbo::layers {
namespace {

TEST(NotFinite, IsTheFirstRowByRow) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::vector<float> numbers(4 * 5, std::numeric_limits<float>::max());
    const Matrix<const float> matrix(numbers.data(), 4, 4, 5);
    for (std::size_t i = 4; i < numbers.size(); i += 5) numbers[i] = infinity; // between rows
    EXPECT_FALSE(find_not_finite("z", matrix));
    EXPECT_FALSE(find_not_finite("z", matrix.first_rows(0)));
    numbers[3 * 5] = infinity;
    numbers[2 * 5 + 3] = -infinity;
    const auto found = find_not_finite("z", matrix);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->place, "z");
    EXPECT_EQ(found->row, 2u);
    EXPECT_EQ(describe_value(*found), "-inf");
    numbers[2 * 5 + 3] = 0;
    EXPECT_EQ(find_not_finite("z", matrix)->row, 3u);
    EXPECT_EQ(describe_value(*find_not_finite("z", matrix)), "inf");
    for (const float sign : {1.0f, -1.0f}) {
        numbers[0] = std::copysign(std::numeric_limits<float>::quiet_NaN(), sign);
        EXPECT_EQ(describe_value(*find_not_finite("z", matrix)), "nan");
    }
}

} // namespace
} // namespace elbo::layers
