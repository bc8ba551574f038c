// Images of real values enlarged by cubic convolution (Keys 1981, "Cubic convolution interpolation for digital image
// processing", with a = -1/2).
#pragma once

#include "numerics/view.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::images {

/// An image of shape (H, W) or (H, W, C), factor times as high and wide. At the borders the weights of the pixels that
/// there are are divided by their sum, as Pillow has it.
std::vector<float> enlarge_bicubic(const Shape& shape, std::size_t factor, std::span<const float> image);

} // namespace elbo::images
