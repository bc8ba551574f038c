// Bytes as floats: what most of the world's pictures need before each step.
#pragma once

#include <cstdint>
#include <span>

namespace elbo {

/// out[i] = scale * bytes[i], rounded once. Throws Error naming both sizes where they differ.
void widen(std::span<const std::uint8_t> bytes, float scale, std::span<float> out);

} // namespace elbo
