// Normalisation of groups of channels to mean 0 and variance 1 (Wu & He 2018, "Group normalization"; with one place and
// one group, Ba et al. 2016, "Layer normalization"), and its gradient.
#pragma once

#include "numerics/any_matrix.hpp"

#include <span>

namespace elbo {

/// x is [slabs * places, channels]. Of each slab each group of channels / groups channels has a mean and a variance.
struct NormalizedGroups {
    std::size_t places, channels, groups;                 ///< groups divides channels
    std::size_t statistics() const { return 2 * groups; } ///< floats of a slab: means, then 1 / standard deviations
    std::size_t scratch() const { return 4 * channels; }  ///< floats
};

/// y = (x - mean) / sqrt(variance + epsilon) * gain + bias, gain and bias of a channel each; the variance is the biased
/// one. statistics: [slabs, statistics()], written for the backward pass.
void normalize(const NormalizedGroups& groups, float epsilon, std::span<const float> gain, std::span<const float> bias,
               ConstAnyMatrix x, AnyMatrix y, Matrix<float> statistics, std::span<float> scratch);

/// diff_gain = the gradient by the gain, and diff_x that by x, unless they are empty, from diff_y and what normalize()
/// read and wrote. With h = (x - mean) r, r = 1 / sqrt(variance + epsilon), d = diff_y gain:
/// diff_x = r (d - mean of d - h mean of d h), means over the group.
void backpropagate_normalize(const NormalizedGroups& groups, std::span<const float> gain, ConstAnyMatrix x,
                             Matrix<const float> statistics, ConstAnyMatrix diff_y, AnyMatrix diff_x,
                             std::span<float> diff_gain, std::span<float> scratch);

} // namespace elbo
