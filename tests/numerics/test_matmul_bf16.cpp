// Products of bf16 operands against a plain loop in double over what the operands are, with results in float and in
// bf16.
#include "base/error.hpp"
#include "numerics/matmul.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace elbo {
namespace {

class Bf16Product : public testing::Test {
protected:
    void SetUp() override {
        if (!matmul_supports(Precision::bf16)) GTEST_SKIP() << "no bf16 products on " << matmul_instruction_set();
        set_matmul_threads(1);
    }
};

constexpr float untouched = 123.0F; ///< a bf16 number too

/// A matrix of bf16 numbers in [-1, 1] whose rows stand `gap` further apart than they are long.
struct Owned {
    Owned(std::size_t rows, std::size_t columns, std::size_t gap, unsigned seed)
        : memory(rows * (columns + gap), to_bfloat16(untouched)), view(memory.data(), rows, columns, columns + gap) {
        std::mt19937 generator(seed);
        std::uniform_real_distribution<float> values(-1, 1);
        for (std::size_t i = 0; i < rows; ++i)
            for (BFloat16& x : view.row(i)) x = to_bfloat16(values(generator));
    }
    std::vector<BFloat16> memory;
    Matrix<BFloat16> view;
};

/// The sum at (i, j) in double, and the sum of its terms' magnitudes.
struct Exact {
    double sum, magnitude;
};

Exact exact(Transpose transpose, const Owned& a, const Owned& b, std::size_t k, std::size_t i, std::size_t j) {
    Exact result{0, 0};
    for (std::size_t l = 0; l < k; ++l) {
        const double x = to_float(transpose == Transpose::a ? a.view(l, i) : a.view(i, l));
        const double y = to_float(transpose == Transpose::b ? b.view(j, l) : b.view(l, j));
        result.sum += x * y;
        result.magnitude += std::abs(x * y);
    }
    return result;
}

/// Checks c against the exact sums. A bf16 dot product rounds or cuts each partial sum to float: 2^-23 of it at most.
template <class T>
void expect_product(Transpose transpose, const Owned& a, const Owned& b, std::size_t k, std::span<const float> bias,
                    Matrix<T> c, double rounding) {
    for (std::size_t i = 0; i < c.rows(); ++i) {
        for (std::size_t j = 0; j < c.columns(); ++j) {
            Exact e = exact(transpose, a, b, k, i, j);
            if (!bias.empty()) e = {e.sum + bias[j], e.magnitude + std::abs(bias[j])};
            const double bound = static_cast<double>(k + 2) * 0x1p-23 * e.magnitude + rounding * std::abs(e.sum);
            ASSERT_NEAR(to_float(c(i, j)), e.sum, bound * (1 + rounding)) << i << ", " << j;
        }
        for (std::size_t j = c.columns(); j < c.stride(); ++j)
            ASSERT_EQ(to_float(c.data()[i * c.stride() + j]), untouched) << "wrote between rows";
    }
}

struct Sizes {
    std::size_t m, n, k;
};

/// Every shape gets a kernel that is not the reference one: odd sizes, single rows, columns and terms among them.
const Sizes sizes[] = {{1, 1, 1},    {1, 20, 400},  {3, 1, 5},     {7, 9, 1},       {5, 17, 33},    {16, 16, 16},
                       {31, 65, 13}, {64, 20, 100}, {128, 40, 37}, {100, 129, 257}, {33, 784, 128}, {40, 400, 3}};

TEST_F(Bf16Product, AgreesWithAPlainLoop) {
    for (const Transpose transpose : {Transpose::none, Transpose::a, Transpose::b}) {
        for (const auto& [m, n, k] : sizes) {
            for (const std::size_t gap : {0U, 3U, 16U}) {
                SCOPED_TRACE(testing::Message()
                             << static_cast<int>(transpose) << ": " << m << " x " << n << " x " << k << " gap " << gap);
                const Owned a = transpose == Transpose::a ? Owned(k, m, gap, 1) : Owned(m, k, gap, 1);
                const Owned b = transpose == Transpose::b ? Owned(n, k, gap, 2) : Owned(k, n, gap, 2);
                std::vector<float> bias(n), floats(m * (n + gap), untouched);
                for (std::size_t j = 0; j < n; ++j) bias[j] = static_cast<float>(j % 7) / 3 - 1;
                std::vector<BFloat16> rounded(floats.size(), to_bfloat16(untouched));
                const Matrix<float> c(floats.data(), m, n, n + gap);
                const Matrix<BFloat16> c16(rounded.data(), m, n, n + gap);
                Product plain(transpose), with_bias(transpose, true);
                plain(a.view, b.view, c);
                expect_product(transpose, a, b, k, {}, c, 0);
                with_bias(a.view, b.view, c16, bias);
                expect_product(transpose, a, b, k, bias, c16, 0x1p-8); // half a unit in the last place of 8 bits
                if (HasFatalFailure()) return;
                plain(a.view, b.view, c16); // the same product for another result
                expect_product(transpose, a, b, k, {}, c16, 0x1p-8);
                if (HasFatalFailure()) return;
            }
        }
    }
}

TEST_F(Bf16Product, OverNothingIsNothingOrTheBias) {
    const Owned a(3, 0, 0, 1), b(0, 4, 0, 2);
    std::vector<BFloat16> c(12, to_bfloat16(untouched));
    const std::vector<float> bias = {1, 2, 3, 1.00390625F};
    Product{Transpose::none, true}(a.view, b.view, {c.data(), 3, 4}, bias);
    for (std::size_t i = 0; i < c.size(); ++i) EXPECT_EQ(c[i], to_bfloat16(bias[i % 4]));
    Product{Transpose::none}(a.view, b.view, {c.data(), 3, 4});
    for (const BFloat16 x : c) EXPECT_EQ(to_float(x), 0);
}

TEST_F(Bf16Product, RefusesOperandsOfTwoPrecisions) {
    const Owned a(3, 5, 0, 1);
    const std::vector<float> b(20);
    std::vector<float> c(12);
    try {
        Product{Transpose::none}(a.view, {b.data(), 5, 4}, {c.data(), 3, 4});
        FAIL() << "bf16 times fp32 was accepted";
    } catch (const Error& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find("bf16"), std::string::npos) << message;
        EXPECT_NE(message.find("fp32"), std::string::npos) << message;
    }
}

TEST(MatmulSupports, Fp32EverywhereAndBf16WhereTheInstructionsAreNamed) {
    EXPECT_TRUE(matmul_supports(Precision::fp32));
#if defined(__x86_64__)
    EXPECT_EQ(matmul_supports(Precision::bf16), matmul_instruction_set().find("bf16") != std::string::npos);
#endif
}

} // namespace
} // namespace elbo
