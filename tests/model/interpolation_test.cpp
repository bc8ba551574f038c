// Ways between two codes.
#include "model/interpolation.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace elbo::model {
namespace {

TEST(Interpolation, LinearStepsAreEvenlyApart) {
    const std::vector<float> a = {0, 4}, b = {3, -2};
    const std::vector<float> codes = interpolate(a, b, 4, Way::linear), expected = {0, 4, 1, 2, 2, 0, 3, -2};
    ASSERT_EQ(codes.size(), expected.size());
    for (std::size_t at = 0; at < codes.size(); ++at) EXPECT_NEAR(codes[at], expected[at], 1e-6);
}

TEST(Interpolation, SphericalStepsKeepLengthAndAngle) {
    const std::vector<float> a = {2, 0, 0}, b = {0, 0, 2};
    const std::vector<float> codes = interpolate(a, b, 5, Way::spherical);
    for (std::size_t step = 0; step < 5; ++step) {
        const double angle = static_cast<double>(step) / 4 * std::acos(0.0);
        EXPECT_NEAR(codes[3 * step], 2 * std::cos(angle), 1e-6);
        EXPECT_NEAR(codes[3 * step + 1], 0, 1e-6);
        EXPECT_NEAR(codes[3 * step + 2], 2 * std::sin(angle), 1e-6);
    }
}

TEST(Interpolation, CodesOnALineThroughZeroAreJoinedByIt) {
    const std::vector<float> a = {1, 1}, b = {-1, -1}, zero = {0, 0};
    EXPECT_EQ(interpolate(a, b, 3, Way::spherical), (std::vector<float>{1, 1, 0, 0, -1, -1}));
    EXPECT_EQ(interpolate(a, a, 2, Way::spherical), (std::vector<float>{1, 1, 1, 1}));
    EXPECT_EQ(interpolate(zero, a, 3, Way::spherical), (std::vector<float>{0, 0, 0.5f, 0.5f, 1, 1}));
}

} // namespace
} // namespace elbo::model
