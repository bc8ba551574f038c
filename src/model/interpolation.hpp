// Ways between two codes.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::model {

enum class Way {
    linear,   ///< (1 - t) a + t b
    spherical ///< sin((1 - t) w) / sin w a + sin(t w) / sin w b, w the angle between them (Shoemake 1985)
};

/// Codes at t = 0, 1 / (steps - 1) ... 1, one after the other; steps is at least 2. Where the codes lie on a line
/// through 0 there is no such angle, and the way is linear.
std::vector<float> interpolate(std::span<const float> a, std::span<const float> b, std::size_t steps, Way way);

} // namespace elbo::model
