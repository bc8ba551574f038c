// Products of windows against sums in double, on every instruction set: lines, runs and columns of odd numbers.
#include "numerics/every_target.hpp"
#include "numerics/window_case.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace elbo {
namespace {

using Case = WindowCase<float>;

void expect_product(const Case& c, std::span<const float> bias = {}) {
    const std::size_t place_step = c.columns + 2, line_step = c.places * place_step + 3;
    std::vector<float> found(c.lines * line_step, untouched);
    multiply(c.windows(), c.panels(), {found.data(), line_step, place_step}, bias);
    for (std::size_t line = 0; line < c.lines; ++line)
        for (std::size_t place = 0; place < c.places; ++place) {
            const float* const result = found.data() + line * line_step + place * place_step;
            for (std::size_t column = 0; column < c.columns; ++column) {
                const double sum = c.expected(line, place, column) + (bias.empty() ? 0 : bias[column]);
                ASSERT_NEAR(result[column], sum, 2e-6 * static_cast<double>(c.rows() + 4)) << place << ' ' << column;
            }
            ASSERT_EQ(result[c.columns], untouched);
            ASSERT_EQ(result[c.columns + 1], untouched);
        }
}

TEST(WindowProduct, AgreesWithSumsInDouble) {
    on_every_target([] {
        for (const std::size_t columns : {1, 3, 4, 8, 15, 16, 20, 32, 37, 48, 50, 64, 100})
            for (const std::size_t places : {1, 5, 8, 13}) {
                for (const Case& c :
                     {Case(1, places, 1, 1, columns), Case(3, places, 4, 7, columns), Case(2, places, 3, 130, columns),
                      Case(1, places, 2, 300, columns), Case(2, places, 0, 7, columns)}) {
                    SCOPED_TRACE(c);
                    expect_product(c);
                    expect_transposed_product(c);
                }
            }
    });
}

TEST(WindowProduct, BeginsAtTheBias) {
    on_every_target([] {
        for (const std::size_t columns : {3, 20, 37}) {
            expect_product(Case(2, 9, 2, 7, columns), uniform<float>(columns, 4));
            expect_product(Case(1, 13, 2, 300, columns), uniform<float>(columns, 5));
        }
    });
}

/// More lines than are summed at once.
TEST(WindowProduct, SumsOverManyLines) {
    on_every_target([] {
        expect_transposed_product(Case(70, 5, 2, 9, 17));
        expect_transposed_product(Case(3, 200, 1, 3, 33));
    });
}

/// Whichever other places stand beside it in a tile.
TEST(WindowProduct, APlaceHasTheSameBitsInAnyCompany) {
    on_every_target([] {
        const Case whole(1, 13, 3, 120, 20);
        const Panels<float> b = whole.panels();
        std::vector<float> together(13 * 20), alone(20);
        multiply(whole.windows(), b, {together.data(), 0, 20});
        for (std::size_t place = 0; place < 13; ++place) {
            Windows<float> one = whole.windows();
            one.data += place * one.place_step;
            one.places = 1;
            multiply(one, b, {alone.data(), 0, 20});
            EXPECT_EQ(std::memcmp(alone.data(), together.data() + place * 20, sizeof(float) * 20), 0) << place;
        }
    });
}

/// Of a matrix's rows those of a part: elements 2, 3 and 4 of runs 1 and 2. Of three images, 40 floats apart.
TEST(WindowProduct, TakesPartsOfRunsAndSeveralImages) {
    on_every_target([] {
        constexpr std::size_t columns = 20, images = 3, lines = 2, length = 3;
        for (const std::size_t places : {1, 2, 9}) {
            const Case whole(13, places, 4, 7, columns);
            Windows<float> part = whole.windows();
            part.lines = lines;
            part.runs = 2;
            part.length = length;
            part.images = images;
            part.image_step = 40;
            part.first_row = 7 + 2;
            part.row_step = 7;
            Panels<float> b = whole.panels();
            const std::size_t line_step = places * columns, image_step = lines * line_step;
            std::vector<float> found(images * image_step);
            multiply(part, b, {found.data(), line_step, columns, image_step});
            for (std::size_t i = 0; i < found.size(); ++i) {
                const std::size_t image = i / image_step, line = i / line_step % lines, place = i / columns % places;
                const float* const window = part.data + image * 40 + line * Case::line_step + place * Case::place_step;
                double sum = 0;
                for (std::size_t run = 0; run < 2; ++run)
                    for (std::size_t e = 0; e < length; ++e)
                        sum += static_cast<double>(window[run * Case::run_step + e]) *
                               whole.b[(9 + run * 7 + e) * columns + i % columns];
                ASSERT_NEAR(found[i], sum, 1e-5) << places << ' ' << i;
            }
            part.row_step = 20;
            EXPECT_THROW(multiply(part, b, {found.data(), line_step, columns, image_step}), Error);
            EXPECT_THROW(add_transposed_product(part, {found.data(), line_step, columns, image_step}, b), Error);
        }
    });
}

TEST(WindowProduct, RefusesWhatDoesNotFit) {
    const Case c(1, 2, 2, 3, 4);
    Panels<float> b(5, 4);
    std::vector<float> result(8);
    EXPECT_THROW(multiply(c.windows(), b, {result.data(), 0, 4}), Error);
    const Panels<float> fits(6, 4);
    EXPECT_THROW(multiply(c.windows(), fits, {result.data(), 0, 4}, std::span(result).first(3)), Error);
    EXPECT_THROW(add_transposed_product(c.windows(), {result.data(), 0, 4}, b), Error);
}

} // namespace
} // namespace elbo
