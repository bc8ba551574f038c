// Enlarging by cubic convolution: against Pillow's figures.
#include "images/bicubic.hpp"

#include <gtest/gtest.h>

namespace elbo::images {
namespace {

TEST(Bicubic, IsPillows) {
    const std::vector<float> image = {0, 0.25f, 1, 0.5f, 0.125f, 0.75f};
    // Pillow 13.0.0: Image.fromarray(image, "F").resize((6, 4), Image.BICUBIC).
    const float known[] = {-0.07104238867759705f, -0.0028714039362967014f, 0.14119330048561096f, 0.4504658877849579f,
                           0.8843119144439697f,   1.0892083644866943f,     0.09293591976165771f, 0.11059045791625977f,
                           0.14767584204673767f,  0.39268675446510315f,    0.813431978225708f,   1.0121060609817505f,
                           0.4180934727191925f,   0.33557742834091187f,    0.16053025424480438f, 0.27811476588249207f,
                           0.6728819012641907f,   0.8592174053192139f,     0.5820717811584473f,  0.4490393102169037f,
                           0.1670127958059311f,   0.22033566236495972f,    0.602001965045929f,   0.7821150422096252f};
    const std::vector<float> large = enlarge_bicubic({2, 3}, 2, image);
    ASSERT_EQ(large.size(), 24);
    for (std::size_t i = 0; i < large.size(); ++i) EXPECT_NEAR(large[i], known[i], 1e-6) << i;
}

TEST(Bicubic, ChannelsDoNotMix) {
    const std::vector<float> grey = {0, 0.25f, 1, 0.5f, 0.125f, 0.75f};
    std::vector<float> colour;
    for (const float value : grey)
        for (const float factor : {1.0f, 2.0f, -1.0f}) colour.push_back(factor * value);
    const std::vector<float> of_grey = enlarge_bicubic({2, 3, 1}, 4, grey);
    const std::vector<float> of_colour = enlarge_bicubic({2, 3, 3}, 4, colour);
    ASSERT_EQ(of_colour.size(), 3 * of_grey.size());
    for (std::size_t i = 0; i < of_grey.size(); ++i) {
        EXPECT_NEAR(of_colour[3 * i], of_grey[i], 1e-6);
        EXPECT_NEAR(of_colour[3 * i + 1], 2 * of_grey[i], 1e-6);
        EXPECT_NEAR(of_colour[3 * i + 2], -of_grey[i], 1e-6);
    }
}

TEST(Bicubic, WhatIsConstantStaysSo) {
    for (const float value : enlarge_bicubic({3, 2}, 5, std::vector<float>(6, 0.7f))) EXPECT_NEAR(value, 0.7f, 1e-6);
}

} // namespace
} // namespace elbo::images
