// The parameters' values as passes read them.
#pragma once

#include "numerics/bfloat16.hpp"

#include <concepts>
#include <span>

namespace elbo::layers {

/// The flat array, which is exact; where products are in bf16, also its rounded copy, element for element, for their
/// operands. Biases and whatever else is added are read as floats.
struct Values {
    std::span<const float> exact;
    std::span<const BFloat16> rounded; ///< empty in fp32

    template <std::convertible_to<std::span<const float>> Floats>
    Values(const Floats& floats, std::span<const BFloat16> copy = {}) : exact(floats), rounded(copy) {}
};

} // namespace elbo::layers
