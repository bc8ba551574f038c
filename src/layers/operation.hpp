// What a layer computes, in words that know no library: for those who write models down for other programs.
#pragma once

#include "layers/activation.hpp"
#include "numerics/view.hpp"

#include <cstddef>
#include <vector>

namespace elbo::layers {

/// Of samples of a shape; images [height, width, channels]. What does not belong to the kind stays as it is.
struct Operation {
    enum class Kind {
        nothing,                ///< but perhaps another shape: elements keep their order
        dense,                  ///< of all elements in order
        convolution,            ///< with zeros around the image
        transposed_convolution, ///< without the pixels that padding stands for
        group_normalization,    ///< groups of channels over all pixels; weight is a gain
        layer_normalization,    ///< each pixel's channels, or all units of a vector
        upsample,               ///< each pixel repeated factor times both ways
        residual,               ///< the block's result is added to its input
    } kind = Kind::nothing;
    Shape input, output;
    std::size_t weight = 0, bias = 0;                ///< offsets in the flat arrays
    std::size_t kernel = 0, stride = 0, padding = 0; ///< of convolutions, both ways
    std::size_t groups = 1, factor = 1;
    double epsilon = 0; ///< added to a variance
    std::vector<Operation> block;
    Activation activation = Activation::identity; ///< of the result
};

} // namespace elbo::layers
