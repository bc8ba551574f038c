// bfloat16: conversion one by one against its definition, in vectors against one by one, and matrices of either
// precision.
#include "base/error.hpp"
#include "numerics/any_matrix.hpp"
#include "numerics/every_target.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace elbo {
namespace {

BFloat16 of_bits(std::uint32_t bits) { return {static_cast<std::uint16_t>(bits)}; }

TEST(BFloat16, EveryOneIsAFloatThatRoundsToItself) {
    for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
        const float value = to_float(of_bits(bits));
        if (std::isnan(value))
            EXPECT_TRUE(std::isnan(to_float(to_bfloat16(value)))) << bits;
        else
            EXPECT_EQ(to_bfloat16(value), of_bits(bits)) << bits;
    }
    EXPECT_EQ(to_float(of_bits(0x3F80)), 1.0F);
    EXPECT_EQ(to_float(of_bits(0xC049)), -3.140625F);
}

/// Of the two neighbours the nearer, of two equally near the even one.
TEST(BFloat16, RoundsToTheNearestAndTiesToEven) {
    for (std::uint32_t bits = 0; bits < 0x7F7F; bits += 13) {
        const double below = to_float(of_bits(bits)), above = to_float(of_bits(bits + 1));
        for (const double part : {0.0, 0.25, 0.5, 0.75, 0.9999}) {
            const double x = below + part * (above - below); // exact but for the last
            const std::uint32_t up = part > 0.5 || (part == 0.5 && bits % 2 == 1) ? 1 : 0;
            EXPECT_EQ(to_bfloat16(static_cast<float>(x)), of_bits(bits + up)) << bits << ' ' << part;
            EXPECT_EQ(to_bfloat16(static_cast<float>(-x)), of_bits(0x8000 + bits + up)) << bits << ' ' << part;
        }
    }
    EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()), of_bits(0x7F80)); // infinity
    EXPECT_EQ(to_bfloat16(-std::numeric_limits<float>::infinity()), of_bits(0xFF80));
    EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(0x7F800001U))))) << "a NaN of low bits alone";
}

/// Floats of all kinds: any bits at all, subnormal numbers, NaN and infinities among them.
std::vector<float> any_floats(std::size_t count) {
    std::mt19937 random(3);
    std::vector<float> floats(count);
    for (float& x : floats) x = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    for (std::size_t i = 0; i + 7 < count; i += 31) {
        floats[i] = std::bit_cast<float>(0x7F800001U + static_cast<std::uint32_t>(i));
        floats[i + 3] = std::bit_cast<float>(static_cast<std::uint32_t>(random()) >> 10);
        floats[i + 7] = std::bit_cast<float>(static_cast<std::uint32_t>(random()) | 0x7FFFU);
    }
    return floats;
}

TEST(AnyMatrix, CopiesRoundAndWidenLikeOneByOneInBodyAndTail) {
    constexpr std::uint16_t untouched = 0x1234;
    on_every_target([&] {
        for (const std::size_t columns : {1U, 2U, 3U, 5U, 7U, 8U, 15U, 16U, 17U, 31U, 33U, 64U, 100U, 1021U}) {
            constexpr std::size_t rows = 3;
            const std::size_t stride = columns + 2;
            const std::vector<float> floats = any_floats(rows * columns);
            std::vector<BFloat16> rounded(rows * stride, {untouched});
            const Matrix<BFloat16> view(rounded.data(), rows, columns, stride);
            copy({floats.data(), rows, columns}, view);
            std::vector<float> widened(rows * columns);
            copy(view, {widened.data(), rows, columns});
            for (std::size_t i = 0; i < rows; ++i) {
                for (std::size_t j = 0; j < columns; ++j) {
                    const float x = floats[i * columns + j];
                    ASSERT_EQ(view(i, j), to_bfloat16(x)) << std::bit_cast<std::uint32_t>(x);
                    ASSERT_EQ(std::bit_cast<std::uint32_t>(widened[i * columns + j]), view(i, j).bits << 16);
                }
                for (std::size_t j = columns; j < stride; ++j) ASSERT_EQ(rounded[i * stride + j].bits, untouched);
            }
        }
    });
}

TEST(AnyMatrix, KnowsItsPrecisionAndRefusesTheOther) {
    std::vector<float> floats(6);
    std::vector<BFloat16> rounded(6);
    const AnyMatrix a = Matrix<float>(floats.data(), 2, 2, 3), b = Matrix<BFloat16>(rounded.data(), 2, 3);
    EXPECT_EQ(a.precision(), Precision::fp32);
    EXPECT_EQ(b.precision(), Precision::bf16);
    EXPECT_EQ(a.as<float>().stride(), 3U);
    EXPECT_EQ(ConstAnyMatrix(b).as<BFloat16>().data(), rounded.data());
    EXPECT_THROW(a.as<BFloat16>(), std::logic_error);
    EXPECT_THROW(ConstAnyMatrix(b).as<float>(), std::logic_error);
    EXPECT_THROW(copy(a, b), Error); // 2 x 2 and 2 x 3
}

} // namespace
} // namespace elbo
