// Bounds of all virtual ranks as one array of numbers, in which ranks and checkpoints exchange them.
#pragma once

#include "model/vae.hpp"

#include <span>
#include <vector>

namespace elbo::training {

/// All reconstructions, then all KLs, then all numbers of samples (exact in a double below 2^53).
inline std::vector<double> packed(std::span<const model::Bound> bounds) {
    const std::size_t count = bounds.size();
    std::vector<double> numbers(3 * count);
    for (std::size_t i = 0; i < count; ++i) {
        numbers[i] = bounds[i].reconstruction;
        numbers[count + i] = bounds[i].kl;
        numbers[2 * count + i] = static_cast<double>(bounds[i].samples);
    }
    return numbers;
}

inline std::vector<model::Bound> unpacked(std::span<const double> numbers) {
    const std::size_t count = numbers.size() / 3;
    std::vector<model::Bound> bounds(count);
    for (std::size_t i = 0; i < count; ++i)
        bounds[i] = {numbers[i], numbers[count + i], static_cast<std::uint64_t>(numbers[2 * count + i])};
    return bounds;
}

} // namespace elbo::training
