// Quality of images: against figures of scikit-image 0.26.0 and, for several scales, of a computation with NumPy and
// SciPy by the papers' formulas.
#include "images/quality.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace elbo::images {
namespace {

/// Waves, and the same with a fifth of a pattern of whole numbers mixed in.
struct Pair {
    std::vector<float> a, b;

    explicit Pair(const Shape& shape) {
        const std::size_t channels = shape.size() == 3 ? shape[2] : 1;
        for (std::size_t y = 0; y < shape[0]; ++y)
            for (std::size_t x = 0; x < shape[1]; ++x)
                for (std::size_t c = 0; c < channels; ++c) {
                    const auto row = static_cast<double>(y), column = static_cast<double>(x);
                    const double angle = 0.35 * column + 0.2 * row * static_cast<double>(1 + c);
                    const auto wave = static_cast<float>(0.5 + 0.5 * std::sin(angle));
                    const std::size_t number = (y * y * 3 + x * 14 + x * y * (2 + c) + 13 + c * 29) % 251;
                    const auto pattern = static_cast<float>(static_cast<double>(number) / 251.0);
                    a.push_back(wave);
                    b.push_back(static_cast<float>(0.8 * wave + 0.2 * pattern));
                }
    }
};

TEST(Quality, IsScikitImages) {
    struct Known {
        Shape shape;
        double mse, psnr, ssim, multi_scale;
        std::size_t scales;
    };
    // mean((a - b)**2), peak_signal_noise_ratio(a, b, data_range=1), structural_similarity(a, b, data_range=1,
    // gaussian_weights=True, sigma=1.5, use_sample_covariance=False); the values are of floats, hence 1e-7.
    const Known figures[] = {
        {{28, 28}, 0.0084557606, 20.728473227, 0.884042947404, 0.963842892095, 2},
        {{23, 31, 1}, 0.0086044081, 20.652790019, 0.878917561505, 0.963727335815, 2},
        {{64, 48, 3}, 0.0082750238, 20.822307497, 0.917507414675, 0.970274156108, 3},
        {{177, 180}, 0.0083317764, 20.792623924, 0.884964925022, 0.972446872559, 5},
    };
    for (const Known& known : figures) {
        const Pair pair(known.shape);
        const Comparison comparison(known.shape, 0, 1);
        ASSERT_TRUE(comparison.images());
        EXPECT_EQ(comparison.similarity().window(), 11);
        EXPECT_EQ(comparison.similarity().scales(), known.scales);
        const Quality quality = comparison.of(pair.a, pair.b);
        EXPECT_NEAR(quality.mse, known.mse, 1e-9);
        EXPECT_NEAR(quality.psnr, known.psnr, 1e-6);
        EXPECT_NEAR(quality.ssim, known.ssim, 1e-7);
        EXPECT_NEAR(quality.multi_scale, known.multi_scale, 1e-7);
    }
}

TEST(Quality, OfEqualImages) {
    for (const Shape& shape : {Shape{28, 28}, Shape{8, 9}, Shape{3, 4}, Shape{200, 190, 3}}) {
        const Pair pair(shape);
        const Quality quality = Comparison(shape, 0, 1).of(pair.a, pair.a);
        EXPECT_EQ(quality.mse, 0);
        EXPECT_EQ(quality.psnr, 100) << "the most that is given";
        EXPECT_NEAR(quality.ssim, 1, 1e-12);
        EXPECT_NEAR(quality.multi_scale, 1, 1e-12);
    }
}

TEST(Quality, TakesValuesByTheirRange) {
    const Shape shape = {28, 28};
    Pair pair(shape);
    const Quality unit = Comparison(shape, 0, 1).of(pair.a, pair.b);
    for (std::vector<float>* values : {&pair.a, &pair.b})
        for (float& value : *values) value = 4 * value - 1;
    const Quality moved = Comparison(shape, -1, 3).of(pair.a, pair.b);
    EXPECT_NEAR(moved.mse, 16 * unit.mse, 1e-6);
    EXPECT_NEAR(moved.psnr, unit.psnr, 1e-5);
    EXPECT_NEAR(moved.ssim, unit.ssim, 1e-5);
    EXPECT_NEAR(moved.multi_scale, unit.multi_scale, 1e-5);
}

TEST(Quality, WindowsFitSmallImages) {
    EXPECT_EQ(Similarity({10, 30}).window(), 9);
    EXPECT_EQ(Similarity({8, 8}).window(), 7);
    EXPECT_EQ(Similarity({3, 8}).window(), 3);
    EXPECT_EQ(Similarity({8, 8}).scales(), 1);
    EXPECT_EQ(Similarity({21, 40}).scales(), 2);
    EXPECT_EQ(Similarity({20, 40}).scales(), 1);
    EXPECT_EQ(Similarity({400, 400}).scales(), 5);
    EXPECT_FALSE(Similarity::takes({2, 8}));
    EXPECT_FALSE(Similarity::takes({784}));
}

TEST(Quality, ASingleScaleIsItsSimilarity) {
    const Shape shape = {16, 16};
    const Pair pair(shape);
    const Similarity::Values values = Similarity(shape).compare(pair.a, pair.b);
    EXPECT_NEAR(values.multi_scale, values.ssim, 1e-12);
}

TEST(Quality, OppositesHaveNoSimilarityOfScales) {
    const Shape shape = {28, 28};
    Pair pair(shape);
    for (std::size_t i = 0; i < pair.a.size(); ++i) pair.b[i] = 1 - pair.a[i];
    const Similarity::Values values = Similarity(shape).compare(pair.a, pair.b);
    EXPECT_LT(values.ssim, 0);
    EXPECT_EQ(values.multi_scale, 0);
}

TEST(Quality, SamplesThatAreNoImagesHaveTheirErrorAlone) {
    const Comparison comparison({3}, 0, 1);
    EXPECT_FALSE(comparison.images());
    const std::vector<float> a = {0, 1, 2}, b = {0, 0, 4};
    EXPECT_NEAR(comparison.of(a, b).mse, 5.0 / 3, 1e-12);
}

} // namespace
} // namespace elbo::images
