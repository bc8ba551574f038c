// Other sizes against the definition in exact fractions, and what they keep; grey against Pillow's formula.
#include "images/resize.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace elbo::images {
namespace {

template <class Sample>
BasicPicture<Sample> noise(std::size_t height, std::size_t width, std::size_t channels) {
    BasicPicture<Sample> picture{height, width, channels, {}};
    std::mt19937 random(7);
    for (std::size_t i = 0; i < height * width * channels; ++i) picture.pixels.push_back(static_cast<Sample>(random()));
    return picture;
}

/// The weight of input i in output o of an axis of n that becomes m: the definition, in double.
double weight(std::size_t n, std::size_t m, std::size_t o, std::size_t i) {
    const double ratio = static_cast<double>(n) / static_cast<double>(m), at = static_cast<double>(i);
    if (n > m) {
        const double left = static_cast<double>(o) * ratio, right = static_cast<double>(o + 1) * ratio;
        return std::max(0., std::min(right, at + 1) - std::max(left, at)) / ratio;
    }
    const double position = std::clamp((static_cast<double>(o) + 0.5) * ratio - 0.5, 0., static_cast<double>(n) - 1);
    return std::max(0., 1 - std::abs(position - at));
}

template <class Sample>
void compare_with_definition(std::size_t height, std::size_t width, std::size_t new_height, std::size_t new_width,
                             std::size_t channels) {
    const auto in = noise<Sample>(height, width, channels);
    BasicPicture<Sample> out;
    resize(in, new_height, new_width, out);
    ASSERT_EQ(out.pixels.size(), new_height * new_width * channels);
    for (std::size_t y = 0; y < new_height; ++y)
        for (std::size_t x = 0; x < new_width; ++x)
            for (std::size_t c = 0; c < channels; ++c) {
                double value = 0;
                for (std::size_t i = 0; i < height; ++i)
                    for (std::size_t j = 0; j < width; ++j)
                        value += weight(height, new_height, y, i) * weight(width, new_width, x, j) *
                                 in.pixels[(i * width + j) * channels + c];
                // Rounded to the nearest; a double's error may decide otherwise on a half.
                ASSERT_NEAR(out.pixels[(y * new_width + x) * channels + c], value, 0.5 + 1e-6)
                    << height << " x " << width << " to " << new_height << " x " << new_width << " at " << y << ", "
                    << x;
            }
}

TEST(Resize, IsWhatItsFormulaSays) {
    for (const auto& [h, w, nh, nw] : {std::array<std::size_t, 4>{8, 8, 4, 4},
                                       {9, 7, 4, 5},
                                       {5, 4, 11, 9},
                                       {13, 3, 5, 8},
                                       {3, 13, 8, 5},
                                       {1, 1, 3, 4},
                                       {6, 5, 1, 1},
                                       {7, 7, 6, 6},
                                       {7, 7, 8, 8}}) {
        compare_with_definition<std::uint8_t>(h, w, nh, nw, 1);
        compare_with_definition<std::uint8_t>(h, w, nh, nw, 3);
        compare_with_definition<std::uint16_t>(h, w, nh, nw, 3);
    }
}

TEST(Resize, HalvesRoundUp) {
    Picture out;
    resize(Picture{1, 2, 1, {0, 1}}, 1, 1, out);
    EXPECT_EQ(out.pixels, std::vector<std::uint8_t>{1});
    resize(Picture{2, 2, 1, {0, 0, 1, 0}}, 1, 1, out);
    EXPECT_EQ(out.pixels, std::vector<std::uint8_t>{0});
}

TEST(Resize, KeepsConstantsMeansAndTheSameSize) {
    const Picture white{40, 30, 3, std::vector<std::uint8_t>(3600, 255)};
    Picture out;
    for (const std::size_t side : {1, 7, 64, 100}) {
        resize(white, side, 2 * side, out);
        EXPECT_EQ(out.pixels, std::vector<std::uint8_t>(side * side * 2 * 3, 255));
    }
    const auto in = noise<std::uint16_t>(60, 60, 1);
    DeepPicture small;
    resize(in, 7, 11, small);
    const auto mean = [](const DeepPicture& picture) {
        return std::accumulate(picture.pixels.begin(), picture.pixels.end(), 0.) / double(picture.pixels.size());
    };
    EXPECT_NEAR(mean(small), mean(in), 0.5) << "every pixel counts alike";
    DeepPicture same;
    resize(in, 60, 60, same);
    EXPECT_EQ(same.pixels, in.pixels);
}

TEST(Resize, RefusesNoPixels) {
    Picture out;
    EXPECT_THROW(resize(Picture{1, 1, 1, {0}}, 0, 4, out), Error);
    EXPECT_THROW(resize(Picture{1, 1, 1, {0}}, 4, 70000, out), Error);
}

TEST(Grey, IsPillowsLuma) {
    // Image.new("RGB", (1, 1), c).convert("L") of Pillow 9.4 for these c.
    Picture picture{1, 6, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30, 200, 100, 50}};
    make_grey(picture);
    EXPECT_EQ(picture.channels, 1u);
    EXPECT_EQ(picture.pixels, (std::vector<std::uint8_t>{76, 150, 29, 255, 18, 124}));
    make_grey(picture);
    EXPECT_EQ(picture.pixels.size(), 6u);
    DeepPicture deep{1, 2, 3, {65535, 65535, 65535, 0, 65535, 0}};
    make_grey(deep);
    EXPECT_EQ(deep.pixels, (std::vector<std::uint16_t>{65535, 38469}));
}

TEST(Colour, IsGreyThreeTimes) {
    Picture picture{1, 3, 1, {1, 2, 3}};
    make_colour(picture);
    EXPECT_EQ(picture.channels, 3u);
    EXPECT_EQ(picture.pixels, (std::vector<std::uint8_t>{1, 1, 1, 2, 2, 2, 3, 3, 3}));
    make_colour(picture);
    EXPECT_EQ(picture.pixels.size(), 9u);
}

} // namespace
} // namespace elbo::images
