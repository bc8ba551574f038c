// Convolutions against plain loops in double: odd sizes, strides and paddings, one channel and three, both precisions.
#include "base/error.hpp"
#include "numerics/convolution.hpp"
#include "numerics/direct_convolution.hpp"
#include "numerics/matmul.hpp"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <random>
#include <string>
#include <vector>

namespace elbo {
namespace {

std::vector<float> uniform(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> values(-1, 1);
    std::vector<float> numbers(count);
    for (float& x : numbers) x = to_float(to_bfloat16(values(generator))); // the same in both precisions
    return numbers;
}

/// call(place in x, place in weight, place in y) for every product of a convolution.
template <class Call>
void for_each_product(const ConvolutionShape& s, std::size_t rows, const Call& call) {
    for (std::size_t n = 0; n < rows; ++n)
        for (std::size_t oy = 0; oy < s.out_height(); ++oy)
            for (std::size_t ox = 0; ox < s.out_width(); ++ox)
                for (std::size_t o = 0; o < s.out_channels; ++o)
                    for (std::size_t c = 0; c < s.channels; ++c)
                        for (std::size_t ky = 0; ky < s.kernel; ++ky)
                            for (std::size_t kx = 0; kx < s.kernel; ++kx) {
                                const std::size_t iy = oy * s.stride + ky, ix = ox * s.stride + kx;
                                if (iy < s.padding || iy - s.padding >= s.height || ix < s.padding ||
                                    ix - s.padding >= s.width)
                                    continue;
                                call(((n * s.height + iy - s.padding) * s.width + ix - s.padding) * s.channels + c,
                                     ((o * s.channels + c) * s.kernel + ky) * s.kernel + kx,
                                     ((n * s.out_height() + oy) * s.out_width() + ox) * s.out_channels + o);
                            }
}

/// Numbers in either precision.
struct Stored {
    std::vector<float> exact;
    std::vector<BFloat16> rounded;
    std::size_t rows;

    Stored(std::vector<float> numbers, std::size_t row_count, Precision precision)
        : exact(std::move(numbers)), rounded(precision == Precision::bf16 ? exact.size() : 0), rows(row_count) {
        if (!rounded.empty()) copy(floats(), matrix());
    }
    Matrix<float> floats() { return {exact.data(), rows, exact.size() / rows}; }
    AnyMatrix matrix() {
        if (rounded.empty()) return floats();
        return {rounded.data(), rows, rounded.size() / rows};
    }
    std::vector<float> read() {
        if (!rounded.empty()) copy(matrix(), floats());
        return exact;
    }
};

void expect_near(const std::vector<float>& found, const std::vector<double>& expected, double tolerance) {
    for (std::size_t i = 0; i < expected.size(); ++i)
        ASSERT_NEAR(found[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << i;
}

/// As Convolution, by elbo's own kernels in either precision.
class OwnKernels {
public:
    OwnKernels(const ConvolutionShape& shape, Precision precision, Factors factors)
        : kernels_(shape, precision, factors) {}
    void forward(ConstAnyMatrix x, ConstAnyMatrix weight, AnyMatrix y) {
        kernels_.begin_forward(weight);
        in_pieces(x.rows(), [&](std::size_t first, std::size_t count) {
            kernels_.forward(x.some_rows(first, count), y.some_rows(first, count));
        });
    }
    void back_to_input(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x) {
        kernels_.begin_back_to_input(weight);
        in_pieces(diff_y.rows(), [&](std::size_t first, std::size_t count) {
            kernels_.back_to_input(diff_y.some_rows(first, count), diff_x.some_rows(first, count));
        });
    }
    void back_to_weight(ConstAnyMatrix x, ConstAnyMatrix diff_y, Matrix<float> diff_weight) {
        kernels_.begin_back_to_weight();
        in_pieces(x.rows(), [&](std::size_t first, std::size_t count) {
            kernels_.back_to_weight(x.some_rows(first, count), diff_y.some_rows(first, count));
        });
        kernels_.end_back_to_weight(diff_weight.data());
    }

private:
    template <class Call>
    void in_pieces(std::size_t rows, const Call& call) const {
        for (std::size_t first = 0; first < rows; first += kernels_.images_at_once())
            call(first, std::min(kernels_.images_at_once(), rows - first));
    }
    DirectConvolution kernels_;
};

template <class Kernels>
void expect_all_ways(Kernels convolution, const ConvolutionShape& s, std::size_t rows, Precision precision) {
    SCOPED_TRACE(fmt::format("{} x {} x {} to {}, kernel {}, stride {}, padding {}, {} rows, {}", s.height, s.width,
                             s.channels, s.out_channels, s.kernel, s.stride, s.padding, rows, name_of(precision)));
    Stored x(uniform(rows * s.inputs(), 1), rows, precision), weight(uniform(s.weights(), 2), 1, precision);
    Stored y(uniform(rows * s.outputs(), 3), rows, precision);
    std::vector<double> by_forward(y.exact.size()), by_input(x.exact.size()), by_weight(weight.exact.size());
    for_each_product(s, rows, [&](std::size_t in, std::size_t w, std::size_t out) {
        by_forward[out] += static_cast<double>(x.exact[in]) * weight.exact[w];
        by_input[in] += static_cast<double>(y.exact[out]) * weight.exact[w];
        by_weight[w] += static_cast<double>(x.exact[in]) * y.exact[out];
    });
    Stored result(std::vector<float>(y.exact.size(), 77), rows, precision);
    Stored to_input(std::vector<float>(x.exact.size(), 77), rows, precision);
    Stored to_weight(std::vector<float>(weight.exact.size(), 77), 1, Precision::fp32);
    convolution.forward(x.matrix(), weight.matrix(), result.matrix());
    convolution.back_to_input(y.matrix(), weight.matrix(), to_input.matrix());
    convolution.back_to_weight(x.matrix(), y.matrix(), to_weight.floats());
    const double rounding = precision == Precision::bf16 ? 0x1p-8 : 1e-5;
    expect_near(result.read(), by_forward, rounding);
    expect_near(to_input.read(), by_input, rounding);
    expect_near(to_weight.read(), by_weight, 3e-5);
}

const ConvolutionShape shapes[] = {{8, 8, 1, 16, 4, 2, 1},  {8, 8, 16, 16, 4, 2, 1},  {7, 9, 3, 5, 3, 1, 1},
                                   {9, 6, 5, 7, 3, 2, 0},   {11, 8, 2, 3, 5, 3, 2},   {4, 4, 32, 32, 1, 1, 0},
                                   {5, 5, 33, 17, 4, 2, 1}, {6, 6, 4, 3, 6, 1, 0},    {7, 9, 8, 5, 3, 1, 1},
                                   {6, 5, 6, 33, 5, 2, 4},  {64, 64, 3, 20, 4, 2, 1}, {9, 10, 9, 16, 2, 3, 1},
                                   {7, 7, 16, 5, 1, 2, 0},  {10, 9, 12, 20, 3, 4, 1}};

TEST(Convolution, AgreesWithPlainLoops) {
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
        if (!direct_kernels_are_for(precision) && !matmul_supports(precision)) continue;
        for (const ConvolutionShape& s : shapes)
            for (const std::size_t rows : {1, 5}) expect_all_ways(Convolution(s), s, rows, precision);
    }
}

/// Whichever of them Convolution takes on this CPU, and also where it has no instruction for pairs.
TEST(DirectConvolution, AgreesWithPlainLoopsInPairsAndWidened) {
    for (const Factors factors : {Factors::floats, Factors::pairs}) {
        if (factors == Factors::pairs && (hwy::SupportedTargets() & HWY_AVX3) == 0)
            GTEST_SKIP() << "products of pairs want AVX-512";
        for (const ConvolutionShape& s : shapes)
            for (const std::size_t rows : {1, 5})
                expect_all_ways(OwnKernels(s, Precision::bf16, factors), s, rows, Precision::bf16);
    }
}

/// What is not rounded where it is stored: from bf16 to floats.
TEST(DirectConvolution, StoresFloatsToo) {
    if ((hwy::SupportedTargets() & HWY_AVX3) == 0) GTEST_SKIP() << "products of pairs want AVX-512";
    for (const ConvolutionShape& s : {ConvolutionShape{5, 5, 6, 17, 4, 2, 1}, ConvolutionShape{5, 5, 3, 17, 4, 2, 1}}) {
        Stored x(uniform(2 * s.inputs(), 1), 2, Precision::bf16), weight(uniform(s.weights(), 2), 1, Precision::bf16);
        std::vector<double> expected(2 * s.outputs());
        for_each_product(s, 2, [&](std::size_t in, std::size_t w, std::size_t out) {
            expected[out] += static_cast<double>(x.exact[in]) * weight.exact[w];
        });
        Stored y(std::vector<float>(2 * s.outputs(), 77), 2, Precision::fp32);
        OwnKernels(s, Precision::bf16, Factors::pairs).forward(x.matrix(), weight.matrix(), y.matrix());
        expect_near(y.exact, expected, 1e-5);
    }
}

/// Shapes for which oneDNN 2.6 with AVX-512 has only its reference kernel on plain images in some way, or on any.
const ConvolutionShape rare_shapes[] = {
    {64, 2, 64, 4, 11, 1, 5}, {28, 2, 100, 2, 7, 1, 5}, {64, 1, 16, 2, 7, 1, 5}, {3, 2, 64, 1, 4, 1, 3}};

/// Every place is in one segment, which sees just those pixels of its kernel that are the image's.
TEST(Segments, LeaveOutWhatLiesBeyondTheImage) {
    for (const std::size_t kernel : {1, 2, 4, 5})
        for (const std::size_t step : {1, 2, 3})
            for (const std::ptrdiff_t start : {-4, -1, 0, 2}) {
                constexpr std::size_t places = 7, extent = 9;
                std::size_t next = 0;
                for (const Segment& segment : segments(places, start, step, kernel, extent)) {
                    EXPECT_EQ(segment.first, next);
                    EXPECT_GT(segment.count, 0U);
                    for (; next < segment.first + segment.count; ++next)
                        for (std::size_t tap = 0; tap < kernel; ++tap) {
                            const std::ptrdiff_t pixel = start + static_cast<std::ptrdiff_t>(next * step + tap);
                            EXPECT_EQ(tap >= segment.tap && tap < segment.tap + segment.taps,
                                      pixel >= 0 && pixel < static_cast<std::ptrdiff_t>(extent));
                        }
                }
                EXPECT_EQ(next, places);
            }
    EXPECT_EQ(segments(16, -1, 2, 4, 32).size(), 3U);
}

TEST(Convolution, OfRareShapesIsComputedInOtherLayoutsOrRefused) {
    allow_reference_kernels(false);
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
        if (!direct_kernels_are_for(precision) && !matmul_supports(precision)) continue;
        for (const ConvolutionShape& s : rare_shapes) {
            const Convolution convolution(s);
            std::string refusal;
            try {
                convolution.require_kernels(1, precision);
            } catch (const Error& error) {
                refusal = error.what();
            }
            if (refusal.empty()) {
                expect_all_ways(Convolution(s), s, 1, precision);
                continue;
            }
            EXPECT_NE(refusal.find(fmt::format("a convolution of {} x {} x {}", s.height, s.width, s.channels)),
                      std::string::npos)
                << refusal;
            EXPECT_NE(refusal.find("numerics.allow_reference"), std::string::npos) << refusal;
            EXPECT_THROW(expect_all_ways(Convolution(s), s, 1, precision), Error);
            allow_reference_kernels(true);
            convolution.require_kernels(1, precision);
            expect_all_ways(Convolution(s), s, 1, precision);
            allow_reference_kernels(false);
        }
    }
}

TEST(Convolution, TakesAnyNumberOfRows) {
    const ConvolutionShape s{6, 6, 2, 4, 3, 1, 1};
    Convolution convolution(s);
    Stored x(uniform(3 * s.inputs(), 1), 3, Precision::fp32), weight(uniform(s.weights(), 2), 1, Precision::fp32);
    Stored whole(std::vector<float>(3 * s.outputs()), 3, Precision::fp32), part = whole;
    convolution.forward(x.matrix(), weight.matrix(), whole.matrix());
    convolution.forward(x.floats().first_rows(2), weight.matrix(), part.floats().first_rows(2));
    for (std::size_t i = 0; i < 2 * s.outputs(); ++i) EXPECT_NEAR(part.exact[i], whole.exact[i], 1e-5);
    std::vector<float> gradient(s.weights(), 5);
    convolution.back_to_weight(x.floats().first_rows(0), whole.floats().first_rows(0),
                               {gradient.data(), 1, gradient.size()});
    EXPECT_EQ(gradient, std::vector<float>(s.weights(), 0));
}

TEST(Convolution, RefusesWhatDoesNotFit) {
    EXPECT_THROW(Convolution({3, 3, 1, 1, 6, 1, 1}), Error);
    EXPECT_THROW(Convolution({3, 3, 1, 1, 3, 0, 1}), Error);
    EXPECT_THROW(Convolution({3, 3, 0, 1, 3, 1, 1}), Error);
    const ConvolutionShape s{6, 6, 2, 4, 3, 1, 1};
    Convolution convolution(s);
    Stored x(uniform(2 * s.inputs(), 1), 2, Precision::fp32), weight(uniform(s.weights(), 2), 1, Precision::fp32);
    Stored y(uniform(2 * s.outputs(), 3), 2, Precision::fp32);
    EXPECT_THROW(convolution.forward(y.matrix(), weight.matrix(), x.matrix()), Error);
    EXPECT_THROW(convolution.forward(x.floats().first_rows(1), weight.matrix(), y.matrix()), Error);
    EXPECT_THROW(convolution.forward(x.matrix(), x.matrix(), y.matrix()), Error);
    try {
        convolution.forward(x.matrix(), weight.floats().some_columns(0, 3), y.matrix());
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("6 x 6 x 2 to 4 channels (kernel 3"), std::string::npos)
            << error.what();
    }
}

} // namespace
} // namespace elbo
