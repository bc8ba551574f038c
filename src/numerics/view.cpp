// Shapes: how many elements, and in words.
#include "numerics/view.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>

namespace elbo {

std::size_t elements(const Shape& shape) {
    if (std::find(shape.begin(), shape.end(), 0u) != shape.end()) return 0;
    std::int64_t product = 1;
    for (const std::size_t extent : shape) {
        if (__builtin_mul_overflow(product, extent, &product))
            fail("the shape {} has more elements than 63 bits can count", describe(shape));
    }
    return static_cast<std::size_t>(product);
}

std::string describe(const Shape& shape) {
    return shape.empty() ? "a scalar" : fmt::format("{}", fmt::join(shape, " x "));
}

} // namespace elbo
