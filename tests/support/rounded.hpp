// Vectors of floats and of BFloat16s in turn.
#pragma once

#include "numerics/any_matrix.hpp"

#include <span>
#include <vector>

namespace elbo::test {

inline std::vector<BFloat16> rounded(std::span<const float> floats) {
    std::vector<BFloat16> result;
    for (const float x : floats) result.push_back(to_bfloat16(x));
    return result;
}

inline std::vector<float> widened(std::span<const BFloat16> numbers) {
    std::vector<float> result;
    for (const BFloat16 x : numbers) result.push_back(to_float(x));
    return result;
}

} // namespace elbo::test
