// Samples as images: height, width and, where there are several, channels.
#pragma once

#include "base/error.hpp"
#include "numerics/view.hpp"

namespace elbo::layers {

struct Image {
    std::size_t height, width, channels;
};

/// Throws InputError where the shape is that of no image.
inline Image image_of(const Shape& shape) {
    if (shape.size() == 2) return {shape[0], shape[1], 1};
    if (shape.size() != 3)
        reject("images [height, width] or [height, width, channels] are expected, but the input is {}: put a reshape "
               "before it",
               describe(shape));
    return {shape[0], shape[1], shape[2]};
}

} // namespace elbo::layers
