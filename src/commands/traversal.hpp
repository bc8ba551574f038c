// Codes in which one dimension at a time takes other values.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::commands {

/// A latent dimension and its KL, the mean over samples in nats.
struct Ranked {
    std::size_t dimension;
    double kl;
};

/// Values that a dimension takes, 2 or more: from -range to range.
std::vector<float> places(double range, std::size_t steps);

/// The code once for each dimension and each of its places.
std::vector<float> traversal_codes(std::span<const float> code, std::span<const Ranked> ranked,
                                   std::span<const float> at);

} // namespace elbo::commands
