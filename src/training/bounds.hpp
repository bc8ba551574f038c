// Bounds of all virtual ranks as one array of numbers, in which ranks and checkpoints exchange them.
#pragma once

#include "comm/communicator.hpp"
#include "model/vae.hpp"
#include "numerics/sums.hpp"

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

/// Sum over all ranks in the canonical tree. Every rank gives the bounds that it computed, the others being zero:
/// adding zeros changes no bit. Collective.
inline model::Bound canonical_sum(const comm::Communicator& world, std::span<const model::Bound> bounds) {
    std::vector<double> numbers = packed(bounds);
    world.sum(std::span(numbers));
    const std::size_t count = bounds.size();
    const auto sum = [&](std::size_t part) { return tree_sum(std::span(numbers).subspan(part * count, count)); };
    return {sum(0), sum(1), static_cast<std::uint64_t>(sum(2))};
}

} // namespace elbo::training
