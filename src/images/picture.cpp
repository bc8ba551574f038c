// Grids of images, and PNG (ISO/IEC 15948) by libspng.
#include "images/picture.hpp"

#include "base/error.hpp"
#include "images/lettering.hpp"
#include "storage/files.hpp"

#include <spng.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

namespace elbo::images {

namespace {

constexpr std::size_t smallest_side = 2, largest_side = 4096;
constexpr std::size_t readable_side = 48; ///< smaller images are enlarged to this or just above
constexpr std::size_t gap = 2, block_gap = 10;
constexpr std::uint8_t background = 128;

constexpr std::size_t letter_share = 28; ///< of an image's height, a letter's pixel

struct Tile {
    std::size_t height, width, channels, scale;

    std::size_t lettering() const { return std::clamp<std::size_t>(height * scale / letter_share, 1, 4); }
};

Tile tile_of(const Shape& shape) {
    if (!is_image(shape)) fail("samples of shape {} are no images", describe(shape));
    const std::size_t longer = std::max(shape[0], shape[1]);
    return {shape[0], shape[1], shape.size() == 3 ? shape[2] : 1, (readable_side + longer - 1) / longer};
}

/// NaN becomes black.
std::uint8_t pixel(float value) {
    return value > 0.f ? static_cast<std::uint8_t>(std::lround(std::min(value, 1.f) * 255.f)) : std::uint8_t{0};
}

/// Most images that a row of the block shows, and how many rows of images it has.
std::size_t block_columns(const Block& block) {
    std::size_t images = 0;
    for (const auto& matrix : block.rows) images = std::max(images, matrix.rows());
    return std::min(std::max<std::size_t>(block.per_row, 1), images);
}

std::size_t block_lines(const Block& block) {
    const std::size_t per_row = std::max<std::size_t>(block.per_row, 1);
    std::size_t lines = 0;
    for (const auto& matrix : block.rows) lines += (matrix.rows() + per_row - 1) / per_row;
    return lines;
}

void draw(const Tile& tile, std::span<const float> values, std::size_t top, std::size_t left, Picture& picture) {
    for (std::size_t y = 0; y < tile.height * tile.scale; ++y) {
        const float* source = values.data() + y / tile.scale * tile.width * tile.channels;
        std::uint8_t* out = picture.pixels.data() + ((top + y) * picture.width + left) * picture.channels;
        for (std::size_t x = 0; x < tile.width * tile.scale; ++x) {
            for (std::size_t c = 0; c < tile.channels; ++c) *out++ = pixel(source[x / tile.scale * tile.channels + c]);
        }
    }
}

/// Room for labels at the left of all images.
std::size_t margin_of(const Tile& tile, const std::vector<Block>& blocks) {
    std::size_t margin = 0;
    for (const Block& block : blocks)
        for (const std::string& label : block.labels) {
            const std::size_t width = extent_of(label, tile.lettering()).width;
            if (width > 0) margin = std::max(margin, width + 2 * gap);
        }
    return margin;
}

void draw_label(const Tile& tile, const std::string& label, std::size_t top, Picture& picture) {
    const std::size_t room = tile.height * tile.scale, height = extent_of(label, tile.lettering()).height;
    draw_text(picture, top + (room > height ? (room - height) / 2 : 0), gap, tile.lettering(), label);
}

/// Draws a block from `top` on, right of the margin; returns where the next line of images would stand.
std::size_t draw_block(const Tile& tile, const Block& block, std::size_t top, std::size_t margin, Picture& picture) {
    const std::size_t per_row = std::max<std::size_t>(block.per_row, 1);
    const std::size_t down = tile.height * tile.scale + gap, right = tile.width * tile.scale + gap;
    std::size_t most = 0;
    std::size_t line = 0;
    for (const auto& matrix : block.rows) most = std::max(most, matrix.rows());
    for (std::size_t begin = 0; begin < most; begin += per_row) {
        for (const auto& matrix : block.rows) {
            if (begin >= matrix.rows()) continue;
            const std::size_t end = std::min(begin + per_row, matrix.rows());
            for (std::size_t i = begin; i < end; ++i)
                draw(tile, matrix.row(i), top, margin + gap + (i - begin) * right, picture);
            if (line < block.labels.size()) draw_label(tile, block.labels[line], top, picture);
            ++line;
            top += down;
        }
    }
    return top;
}

struct FreeContext {
    void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
struct FreeMemory {
    void operator()(void* memory) const { std::free(memory); }
};

void check(int result) {
    if (result != 0) fail("PNG: {}", spng_strerror(result));
}

} // namespace

bool is_image(const Shape& shape) {
    if (shape.size() != 2 && shape.size() != 3) return false;
    if (shape.size() == 3 && shape[2] != 1 && shape[2] != 3) return false;
    return std::min(shape[0], shape[1]) >= smallest_side && std::max(shape[0], shape[1]) <= largest_side;
}

Picture grid(const Shape& sample_shape, const std::vector<Block>& blocks) {
    const Tile tile = tile_of(sample_shape);
    std::size_t columns = 0, lines = 0, gaps = 0;
    for (const Block& block : blocks) {
        for (const auto& matrix : block.rows) {
            if (matrix.columns() != tile.height * tile.width * tile.channels) {
                fail("a grid of {} images is given rows of {} values", describe(sample_shape), matrix.columns());
            }
        }
        columns = std::max(columns, block_columns(block));
        const std::size_t own = block_lines(block);
        if (own > 0 && lines > 0) gaps += block_gap - gap;
        lines += own;
    }
    Picture picture;
    picture.height = gap + gaps + lines * (tile.height * tile.scale + gap);
    const std::size_t margin = margin_of(tile, blocks);
    picture.width = margin + gap + columns * (tile.width * tile.scale + gap);
    picture.channels = tile.channels;
    picture.pixels.assign(picture.height * picture.width * picture.channels, background);
    std::size_t top = gap;
    for (const Block& block : blocks) {
        if (block_lines(block) == 0) continue;
        if (top > gap) top += block_gap - gap;
        top = draw_block(tile, block, top, margin, picture);
    }
    return picture;
}

std::size_t grid_pixels(const Shape& sample_shape, std::size_t images, std::size_t per_row) {
    const Tile tile = tile_of(sample_shape);
    const std::size_t columns = std::min(per_row, images), lines = (images + per_row - 1) / per_row;
    return (gap + lines * (tile.height * tile.scale + gap)) * (gap + columns * (tile.width * tile.scale + gap));
}

Picture single(const Shape& sample_shape, std::span<const float> values) {
    Tile tile = tile_of(sample_shape);
    tile.scale = 1;
    Picture picture{tile.height, tile.width, tile.channels, {}};
    picture.pixels.resize(tile.height * tile.width * tile.channels);
    draw(tile, values, 0, 0, picture);
    return picture;
}

std::vector<std::byte> png_of(const Picture& picture) {
    if (picture.channels != 1 && picture.channels != 3) fail("PNG of {} channels", picture.channels);
    if (picture.pixels.size() != picture.height * picture.width * picture.channels)
        fail("{} x {} pixels of {} channels are given {} bytes", picture.height, picture.width, picture.channels,
             picture.pixels.size());
    const std::unique_ptr<spng_ctx, FreeContext> context(spng_ctx_new(SPNG_CTX_ENCODER));
    if (!context) fail("no memory for a PNG encoder");
    check(spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1));
    spng_ihdr header{};
    header.width = static_cast<std::uint32_t>(picture.width);
    header.height = static_cast<std::uint32_t>(picture.height);
    header.bit_depth = 8;
    header.color_type = picture.channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR : SPNG_COLOR_TYPE_GRAYSCALE;
    check(spng_set_ihdr(context.get(), &header));
    check(spng_encode_image(context.get(), picture.pixels.data(), picture.pixels.size(), SPNG_FMT_PNG,
                            SPNG_ENCODE_FINALIZE));
    int result = 0;
    std::size_t size = 0;
    const std::unique_ptr<void, FreeMemory> png(spng_get_png_buffer(context.get(), &size, &result));
    check(result);
    const auto* bytes = static_cast<const std::byte*>(png.get());
    return {bytes, bytes + size};
}

void write_png(const std::filesystem::path& path, const Picture& picture) {
    std::vector<std::byte> png;
    try {
        png = png_of(picture);
    } catch (const Error& error) {
        fail("{}: {}", path.string(), error.what());
    }
    storage::write_whole(path, png);
}

} // namespace elbo::images
