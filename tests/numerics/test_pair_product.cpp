// Products of bf16 pairs against sums in double: odd numbers of lines, runs and columns, results rounded or not.
#include "numerics/any_matrix.hpp"
#include "numerics/window_case.hpp"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <vector>

namespace elbo {
namespace {

using Case = WindowCase<BFloat16Pair>;

/// Out: float, or BFloat16 with an error of its own.
template <class Out>
void expect_product(const Case& c, double rounding) {
    const std::size_t place_step = c.columns + 2, line_step = c.places * place_step + 3;
    std::vector<Out> found(c.lines * line_step);
    std::vector<float> read(found.size(), untouched);
    copy(ConstAnyMatrix(read.data(), 1, read.size()), AnyMatrix(found.data(), 1, found.size()));
    multiply(c.windows(), c.panels(), Places<Out>{found.data(), line_step, place_step});
    copy(ConstAnyMatrix(found.data(), 1, found.size()), AnyMatrix(read.data(), 1, read.size()));
    for (std::size_t line = 0; line < c.lines; ++line)
        for (std::size_t place = 0; place < c.places; ++place) {
            const float* const result = read.data() + line * line_step + place * place_step;
            for (std::size_t column = 0; column < c.columns; ++column) {
                const double sum = c.expected(line, place, column);
                const double summing = 4e-6 * static_cast<double>(c.rows() + 4);
                ASSERT_NEAR(result[column], sum, summing + rounding * std::abs(sum)) << place << ' ' << column;
            }
            ASSERT_EQ(result[c.columns], untouched);
            ASSERT_EQ(result[c.columns + 1], untouched);
        }
}

class PairProduct : public testing::Test {
    void SetUp() override {
        if ((hwy::SupportedTargets() & HWY_AVX3) == 0) GTEST_SKIP() << "products of pairs want AVX-512";
    }
};

TEST_F(PairProduct, AgreesWithSumsInDouble) {
    for (const std::size_t columns : {1, 3, 16, 20, 32, 48, 50, 100})
        for (const std::size_t places : {1, 9, 14})
            for (const Case& c : {Case(1, places, 1, 1, columns), Case(3, places, 4, 7, columns),
                                  Case(1, places, 3, 100, columns), Case(2, places, 0, 7, columns)}) {
                SCOPED_TRACE(c);
                expect_product<float>(c, 0);
                expect_product<BFloat16>(c, 0x1p-8);
                expect_transposed_product(c);
            }
}

/// More lines than are summed at once.
TEST_F(PairProduct, SumsOverManyLines) {
    expect_transposed_product(Case(70, 5, 2, 9, 17));
    expect_transposed_product(Case(3, 200, 1, 3, 33));
}

TEST_F(PairProduct, RefusesWhatDoesNotFit) {
    const Case c(1, 2, 2, 3, 4);
    const Panels<BFloat16Pair> b(5, 4);
    std::vector<float> result(8);
    EXPECT_THROW(multiply(c.windows(), b, Places<float>{result.data(), 0, 4}), Error);
    Panels<float> sum(5, 4);
    EXPECT_THROW(add_transposed_product(c.windows(), {c.memory.data(), 0, 4}, sum), Error);
}

TEST(Interleave, TakesOneOfEachInTurn) {
    for (const std::size_t count : {0, 1, 15, 16, 33}) {
        const std::vector<BFloat16> first = uniform<BFloat16>(count, 1), second = uniform<BFloat16>(count, 2);
        std::vector<BFloat16Pair> pairs(count);
        interleave(first.data(), second.data(), pairs);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(pairs[i].first, first[i]);
            EXPECT_EQ(pairs[i].second, second[i]);
        }
    }
}

} // namespace
} // namespace elbo
