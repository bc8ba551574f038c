// What a pass reads beside its input: the parameters' values, and the noise of layers that draw.
#pragma once

#include "numerics/bfloat16.hpp"
#include "numerics/random.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

namespace elbo::layers {

/// The parameters' values. The flat array is exact; where products are in bf16, there is also its rounded copy, element
/// for element, for their operands. Biases and whatever else is added are read as floats.
struct Values {
    std::span<const float> exact;
    std::span<const BFloat16> rounded; ///< empty in fp32
    /// Layers may keep what they make of values with a number, for passes with the same one; 0: these may change.
    std::uint64_t edition = 0;

    template <std::convertible_to<std::span<const float>> Floats>
    Values(const Floats& floats, std::span<const BFloat16> copy = {}) : exact(floats), rounded(copy) {}
};

/// A parameter's part of the flat array of gradients; empty where gradients by parameters are not wanted.
inline std::span<float> part_of(std::span<float> gradients, std::size_t offset, std::size_t size) {
    return gradients.empty() ? gradients : gradients.subspan(offset, size);
}

/// Noise of one purpose, a row a sample.
struct Noise {
    Stream stream;
    std::span<const std::uint64_t> samples; ///< their numbers, a row each
};

struct Pass {
    Values values;
    std::optional<Noise> dropout; ///< of training; without it nothing is dropped

    template <std::convertible_to<Values> Read>
    Pass(const Read& read, std::optional<Noise> noise = {}) : values(read), dropout(noise) {}
};

} // namespace elbo::layers
