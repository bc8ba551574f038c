// Products of bf16 pairs against sums in double: odd numbers of lines, runs and columns, results rounded or not.
#include "numerics/any_matrix.hpp"
#include "numerics/window_product.hpp"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstring>
#include <random>
#include <vector>

namespace elbo {
namespace {

constexpr float untouched = 120;

std::vector<BFloat16> uniform(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> values(-1, 1);
    std::vector<BFloat16> numbers(count);
    for (BFloat16& x : numbers) x = to_bfloat16(values(generator));
    return numbers;
}

const BFloat16Pair* pairs_of(const std::vector<BFloat16>& numbers) {
    return reinterpret_cast<const BFloat16Pair*>(numbers.data());
}

double product(BFloat16 x, BFloat16 y) { return static_cast<double>(to_float(x)) * to_float(y); }

/// Windows that overlap: places three pairs apart, lines and runs some more.
struct Case {
    std::size_t lines, places, runs, length, columns;
    std::vector<BFloat16> memory, b;

    Case(std::size_t line_count, std::size_t place_count, std::size_t run_count, std::size_t run, std::size_t width)
        : lines(line_count),
          places(place_count),
          runs(run_count),
          length(run),
          columns(width),
          memory(uniform(2 * (lines * 11 + places * 3 + runs * 5 + length), 1)),
          b(uniform(2 * runs * length * columns, 2)) {}
    std::size_t rows() const { return runs * length; }
    Windows<BFloat16Pair> windows() const { return {pairs_of(memory), lines, 11, places, 3, runs, 5, length}; }
    /// Number `half` of the pair.
    BFloat16 window(std::size_t line, std::size_t place, std::size_t row, std::size_t half) const {
        return memory[2 * (line * 11 + place * 3 + row / length * 5 + row % length) + half];
    }
    double expected(std::size_t line, std::size_t place, std::size_t column) const {
        double sum = 0;
        for (std::size_t row = 0; row < rows(); ++row)
            for (const std::size_t half : {0, 1})
                sum += product(window(line, place, row, half), b[(2 * row + half) * columns + column]);
        return sum;
    }
};

/// Out: float, or BFloat16 with an error of its own.
template <class Out>
void expect_product(const Case& c, double rounding) {
    std::vector<std::size_t> first;
    for (std::size_t row = 0; row < 2 * c.rows(); ++row) first.push_back(row * c.columns);
    Panels<BFloat16Pair> b(c.rows(), c.columns);
    b.gather(c.b.data(), first, 1);
    const std::size_t place_step = c.columns + 2, line_step = c.places * place_step + 3;
    std::vector<Out> found(c.lines * line_step);
    std::vector<float> read(found.size(), untouched);
    copy(ConstAnyMatrix(read.data(), 1, read.size()), AnyMatrix(found.data(), 1, found.size()));
    multiply(c.windows(), b, Places<Out>{found.data(), line_step, place_step});
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

void expect_transposed_product(const Case& c) {
    const std::size_t place_step = c.columns, line_step = c.places * place_step;
    const std::vector<BFloat16> b = uniform(2 * c.lines * line_step, 3);
    std::vector<std::size_t> first;
    for (std::size_t row = 0; row < c.rows(); ++row) first.push_back(row * c.columns);
    std::vector<float> found(c.rows() * c.columns, 1);
    Panels<float> sum(c.rows(), c.columns);
    sum.gather(found.data(), first, 1);
    add_transposed_product(c.windows(), {pairs_of(b), line_step, place_step}, sum);
    sum.scatter(found.data(), first, 1);
    for (std::size_t row = 0; row < c.rows(); ++row)
        for (std::size_t column = 0; column < c.columns; ++column) {
            double total = 1;
            for (std::size_t line = 0; line < c.lines; ++line)
                for (std::size_t place = 0; place < c.places; ++place)
                    for (const std::size_t half : {0, 1})
                        total += product(c.window(line, place, row, half),
                                         b[2 * (line * line_step + place * place_step + column) + half]);
            ASSERT_NEAR(found[row * c.columns + column], total, 4e-6 * static_cast<double>(c.lines * c.places + 4));
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
                SCOPED_TRACE(testing::Message() << c.lines << " x " << c.places << ", " << c.runs << " x " << c.length
                                                << " to " << c.columns);
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
    EXPECT_THROW(add_transposed_product(c.windows(), {pairs_of(c.memory), 0, 4}, sum), Error);
}

TEST(Interleave, TakesOneOfEachInTurn) {
    for (const std::size_t count : {0, 1, 15, 16, 33}) {
        const std::vector<BFloat16> first = uniform(count, 1), second = uniform(count, 2);
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
