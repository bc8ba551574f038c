// Letters in pictures, and labels beside lines of images.
#include "images/lettering.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace elbo::images {
namespace {

Picture blank(std::size_t height, std::size_t width, std::size_t channels = 1) {
    return {height, width, channels, std::vector<std::uint8_t>(height * width * channels, 200)};
}

/// Lines of a grey picture: # where it is black.
std::string lines_of(const Picture& picture) {
    std::string text;
    for (std::size_t y = 0; y < picture.height; ++y) {
        for (std::size_t x = 0; x < picture.width; ++x) text += picture.pixels[y * picture.width + x] == 0 ? '#' : '.';
        text += '\n';
    }
    return text;
}

TEST(Lettering, DrawsDigitsAndCapitals) {
    Picture picture = blank(9, 13);
    draw_text(picture, 1, 1, 1, "7k");
    EXPECT_EQ(lines_of(picture), ".............\n"
                                 ".#####.#...#.\n"
                                 ".....#.#..#..\n"
                                 "....#..#.#...\n"
                                 "...#...##....\n"
                                 "..#....#.#...\n"
                                 "..#....#..#..\n"
                                 "..#....#...#.\n"
                                 ".............\n");
}

TEST(Lettering, ExtentsAreThoseOfWhatIsDrawn) {
    for (const std::string text : {"88", "8\n88"})
        for (const std::size_t scale : {1, 3}) {
            const Extent extent = extent_of(text, scale);
            Picture picture = blank(extent.height + 20, extent.width + 20, 3);
            draw_text(picture, 0, 0, scale, text);
            std::size_t lowest = 0, rightmost = 0;
            for (std::size_t y = 0; y < picture.height; ++y)
                for (std::size_t x = 0; x < picture.width; ++x)
                    if (picture.pixels[(y * picture.width + x) * 3 + 2] == 0) {
                        lowest = std::max(lowest, y + 1);
                        rightmost = std::max(rightmost, x + 1);
                    }
            EXPECT_EQ(lowest, extent.height);
            EXPECT_EQ(rightmost, extent.width);
        }
    EXPECT_EQ(extent_of("", 2).width, 0);
    EXPECT_EQ(extent_of("", 2).height, 0);
}

TEST(Lettering, StaysWithinThePicture) {
    Picture picture = blank(5, 4);
    draw_text(picture, 2, 1, 2, "888\n8");
    draw_text(picture, 100, 100, 1, "8");
    EXPECT_EQ(picture.pixels.size(), 20);
    EXPECT_EQ(picture.pixels[0], 200);
}

TEST(Lettering, WhatThereIsNoLetterForIsABox) {
    Picture known = blank(7, 5), box = blank(7, 5);
    draw_text(known, 0, 0, 1, "0");
    draw_text(box, 0, 0, 1, "\xC3");
    EXPECT_EQ(std::ranges::count(box.pixels, 0), 20); // the rim of 7 x 5
    EXPECT_NE(known.pixels, box.pixels);
}

TEST(Grid, LabelsStandLeftOfTheirLines) {
    const std::vector<float> white(4 * 2500, 1.f);
    const Matrix<const float> images(white.data(), 4, 2500);
    const Picture plain = grid({50, 50}, {{{images}, 2, {}}});
    const Picture labelled = grid({50, 50}, {{{images}, 2, {"", "8"}}});
    const std::size_t margin = labelled.width - plain.width;
    EXPECT_EQ(margin, extent_of("8", 1).width + 4);
    EXPECT_EQ(labelled.height, plain.height);
    std::size_t above = 0, beside = 0;
    for (std::size_t y = 0; y < labelled.height; ++y)
        for (std::size_t x = 0; x < margin; ++x)
            if (labelled.pixels[y * labelled.width + x] == 0) ++(y < 54 ? above : beside);
    EXPECT_EQ(above, 0);
    EXPECT_GT(beside, 10);
    for (std::size_t y = 0; y < plain.height; ++y)
        for (std::size_t x = 0; x < plain.width; ++x)
            ASSERT_EQ(plain.pixels[y * plain.width + x], labelled.pixels[y * labelled.width + margin + x]);
}

} // namespace
} // namespace elbo::images
