// bfloat16, the upper half of a float: what operands of products and stored activations are kept in where
// training.precision is bf16 (range of a float, 8 bits of precision).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace elbo {

/// Storage alone: arithmetic is done in float.
struct BFloat16 {
    std::uint16_t bits = 0;
    friend bool operator==(BFloat16, BFloat16) = default;
};

/// Two of them whose products with two others go into one sum: what CPUs' dot products of bf16 take.
struct BFloat16Pair {
    BFloat16 first{}, second{};
};

/// Exact.
inline float to_float(BFloat16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16); }

inline float to_float(float x) { return x; }

/// Rounds to the nearest, ties to even; NaN stays NaN, and what is too large becomes infinite.
inline BFloat16 to_bfloat16(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    const std::uint32_t rounded = nan ? bits | 0x00400000U : bits + 0x7FFFU + (bits >> 16 & 1U);
    return {static_cast<std::uint16_t>(rounded >> 16)};
}

/// What products read and activations are stored in. Sums, parameters and their gradients are floats in both.
enum class Precision { fp32, bf16 };

inline const char* name_of(Precision precision) { return precision == Precision::bf16 ? "bf16" : "fp32"; }
inline std::size_t bytes_of(Precision precision) { return precision == Precision::bf16 ? 2 : 4; }

} // namespace elbo
