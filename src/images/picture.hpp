// Pictures of samples: grids of images as PNG.
#pragma once

#include "numerics/view.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace elbo::images {

/// Pixels in the order height, width, channels (1: grey, 3: RGB), from 0 to the sample's largest value.
template <class Sample>
struct BasicPicture {
    std::size_t height = 0, width = 0, channels = 1;
    std::vector<Sample> pixels;
};
using Picture = BasicPicture<std::uint8_t>;
using DeepPicture = BasicPicture<std::uint16_t>;

/// True where samples of this shape can be shown: (H, W), (H, W, 1) or (H, W, 3), each side 2 to 4096.
bool is_image(const Shape& sample_shape);

/// One block of a grid: images of the same shape, values in [0, 1] (clamped), a row of the matrix each, laid out
/// `per_row` to a row. Lines of images with a label have it at their left.
struct Block {
    std::vector<Matrix<const float>> rows; ///< each matrix [count, H * W * C] is one row of images or more, in turn
    std::size_t per_row = 10;
    std::vector<std::string> labels; ///< of the lines of images in turn; none, or fewer than there are lines
};

/// Blocks below each other with a wider gap between; small images are enlarged by whole factors so that people see
/// them.
Picture grid(const Shape& sample_shape, const std::vector<Block>& blocks);

/// Pixels of that grid of one block.
std::size_t grid_pixels(const Shape& sample_shape, std::size_t images, std::size_t per_row);

/// One image as it is, values in [0, 1] (clamped).
Picture single(const Shape& sample_shape, std::span<const float> values);

std::vector<std::byte> png_of(const Picture& picture);

/// The same, written whole (storage::write_whole).
void write_png(const std::filesystem::path& path, const Picture& picture);

} // namespace elbo::images
