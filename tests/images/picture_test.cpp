// Grids of images: where pixels come to stand; PNG: what a decoder reads back.
#include "images/picture.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>
#include <spng.h>

#include <array>
#include <cmath>
#include <limits>

namespace elbo::images {
namespace {

using elbo::testing::bytes_of_file;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;

std::uint8_t at(const Picture& picture, std::size_t y, std::size_t x, std::size_t channel = 0) {
    return picture.pixels.at((y * picture.width + x) * picture.channels + channel);
}

TEST(IsImage, ShapesThatCanBeShown) {
    EXPECT_TRUE(is_image({28, 28}));
    EXPECT_TRUE(is_image({28, 20, 1}));
    EXPECT_TRUE(is_image({32, 32, 3}));
    EXPECT_TRUE(is_image({2, 4096}));
    EXPECT_FALSE(is_image({784}));
    EXPECT_FALSE(is_image({}));
    EXPECT_FALSE(is_image({3, 32, 32}));
    EXPECT_FALSE(is_image({28, 28, 2}));
    EXPECT_FALSE(is_image({1, 28}));
    EXPECT_FALSE(is_image({28, 4097}));
    EXPECT_FALSE(is_image({28, 28, 1, 1}));
}

TEST(Grid, PlacesEnlargesAndClamps) {
    // Two images of 40 x 30: enlarged twice, 2 pixels of grey around each.
    std::vector<float> values(2 * 1200, 0.5f);
    values[0] = 1.f;                                      // first image, top left
    values[1] = 7.f;                                      // too bright
    values[30] = -1.f;                                    // second line, too dark
    values[31] = std::numeric_limits<float>::quiet_NaN(); // shown black
    values[1200 + 1199] = 0.2f;                           // second image, bottom right
    const Picture picture = grid({40, 30}, {{{Matrix<const float>(values.data(), 2, 1200)}, 10}});
    EXPECT_EQ(picture.channels, 1u);
    EXPECT_EQ(picture.height, 2 + 80 + 2);
    EXPECT_EQ(picture.width, 2 + 60 + 2 + 60 + 2);
    EXPECT_EQ(at(picture, 0, 0), 128);
    EXPECT_EQ(at(picture, 1, 1), 128);
    for (const std::size_t y : {2, 3}) {
        for (const std::size_t x : {2, 3, 4, 5}) EXPECT_EQ(at(picture, y, x), 255);
        EXPECT_EQ(at(picture, y + 2, 2), 0);
        EXPECT_EQ(at(picture, y + 2, 4), 0);
    }
    EXPECT_EQ(at(picture, 2, 6), 128) << "0.5";
    EXPECT_EQ(at(picture, 2, 62), 128) << "the gap";
    EXPECT_EQ(at(picture, 81, 64 + 59), 51) << "0.2";
    EXPECT_EQ(at(picture, 81, 64 + 57), 128);
}

TEST(Grid, BlocksTakeTheirMatricesInTurn) {
    // 50 x 50 is large enough: no enlargement. Three images a matrix, two to a line.
    const std::vector<float> white(3 * 2500, 1.f), black(3 * 2500, 0.f);
    const Block pairs{{Matrix<const float>(white.data(), 3, 2500), Matrix<const float>(black.data(), 3, 2500)}, 2};
    const Block below{{Matrix<const float>(white.data(), 1, 2500)}, 2};
    const Picture picture = grid({50, 50}, {pairs, below});
    EXPECT_EQ(picture.width, 2u + 2 * 52);
    EXPECT_EQ(picture.height, 2u + 4 * 52 + 8 + 52);
    EXPECT_EQ(at(picture, 10, 10), 255);
    EXPECT_EQ(at(picture, 52 + 10, 10), 0);
    EXPECT_EQ(at(picture, 2 * 52 + 10, 10), 255);
    EXPECT_EQ(at(picture, 2 * 52 + 10, 60), 128) << "three images: the second line has one";
    EXPECT_EQ(at(picture, 3 * 52 + 10, 10), 0);
    for (std::size_t y = 4 * 52; y < 4 * 52 + 10; ++y) EXPECT_EQ(at(picture, y, 10), 128) << "between blocks";
    EXPECT_EQ(at(picture, 4 * 52 + 10, 10), 255);
}

TEST(Grid, RowsMayStandFurtherApart) {
    std::vector<float> values(2 * 13, 0.f);
    for (std::size_t i = 0; i < 12; ++i) values[13 + i] = 1.f;
    const Picture picture = grid({2, 2, 3}, {{{Matrix<const float>(values.data(), 2, 12, 13)}, 10}});
    EXPECT_EQ(picture.channels, 3u);
    EXPECT_EQ(picture.height, 2u + 48 + 2);
    EXPECT_EQ(at(picture, 10, 10, 2), 0);
    EXPECT_EQ(at(picture, 10, 60, 2), 255);
}

TEST(Grid, RefusesRowsOfAnotherShape) {
    const std::vector<float> values(10);
    EXPECT_THROW(grid({3, 3}, {{{Matrix<const float>(values.data(), 1, 10)}, 10}}), Error);
    EXPECT_THROW(grid({10}, {{{Matrix<const float>(values.data(), 1, 10)}, 10}}), Error);
}

TEST(Grid, SaysHowLargeItBecomes) {
    const std::vector<float> values(7 * 20 * 60, 0.5f);
    for (const Shape& shape : {Shape{20, 60}, Shape{20, 20, 3}})
        for (const std::size_t per_row : {1, 3, 9}) {
            const Picture picture = grid(shape, {{{Matrix<const float>(values.data(), 7, 1200)}, per_row}});
            EXPECT_EQ(grid_pixels(shape, 7, per_row), picture.height * picture.width);
        }
}

TEST(Single, IsTheImageAsItIs) {
    const std::vector<float> values = {0, 0.2f, 1, -1, 0.5f, 7};
    const Picture grey = single({2, 3}, values), colour = single({2, 2, 3}, std::vector<float>(12, 1));
    EXPECT_EQ(grey.pixels, (std::vector<std::uint8_t>{0, 51, 255, 0, 128, 255}));
    EXPECT_EQ((std::array{grey.height, grey.width, grey.channels}), (std::array<std::size_t, 3>{2, 3, 1}));
    EXPECT_EQ((std::array{colour.height, colour.width, colour.channels}), (std::array<std::size_t, 3>{2, 2, 3}));
}

TEST(WritePng, ADecoderReadsTheSamePixels) {
    const TemporaryFolder folder;
    for (const std::size_t channels : {1, 3}) {
        Picture picture{37, 53, channels, {}};
        for (std::size_t i = 0; i < 37 * 53 * channels; ++i) picture.pixels.push_back(static_cast<std::uint8_t>(i * i));
        write_png(folder / "p.png", picture);
        const std::string png = bytes_of_file(folder / "p.png");

        spng_ctx* context = spng_ctx_new(0);
        ASSERT_EQ(spng_set_png_buffer(context, png.data(), png.size()), 0);
        spng_ihdr header{};
        ASSERT_EQ(spng_get_ihdr(context, &header), 0);
        EXPECT_EQ(header.width, 53u);
        EXPECT_EQ(header.height, 37u);
        EXPECT_EQ(header.color_type, channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR : SPNG_COLOR_TYPE_GRAYSCALE);
        std::vector<std::uint8_t> pixels(picture.pixels.size());
        EXPECT_EQ(spng_decode_image(context, pixels.data(), pixels.size(), SPNG_FMT_PNG, 0), 0);
        EXPECT_EQ(pixels, picture.pixels);
        spng_ctx_free(context);
    }
    EXPECT_EQ(folder.names(), std::vector<std::string>{"p.png"});
}

TEST(WritePng, NamesTheFileItCannotWrite) {
    const TemporaryFolder folder;
    const Picture picture{1, 1, 1, {0}};
    EXPECT_CONTAINS(message_of<Error>([&] { write_png(folder / "none" / "p.png", picture); }), "none/p.png");
    EXPECT_THROW(write_png(folder / "p.png", Picture{2, 2, 1, {0}}), Error);
    EXPECT_THROW(write_png(folder / "p.png", Picture{0, 0, 1, {}}), Error);
    EXPECT_TRUE(folder.names().empty());
}

} // namespace
} // namespace elbo::images
