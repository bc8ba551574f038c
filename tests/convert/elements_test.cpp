// Elements in another type keep their values or are refused; statistics in one pass.
#include "convert/elements.hpp"
#include "convert/statistics.hpp"
#include "support/files.hpp"

#include <cmath>
#include <limits>

namespace elbo::convert {
namespace {

using storage::ElementType;

template <class From, class To>
std::optional<std::string> converted(ElementType from_type, From value, ElementType to_type, To& out) {
    return convert_elements(from_type, std::as_bytes(std::span(&value, 1)), to_type,
                            std::as_writable_bytes(std::span(&out, 1)));
}

TEST(Elements, WholeNumbersStayThemselves) {
    std::uint8_t byte = 7;
    EXPECT_FALSE(converted(ElementType::f64, 255.0, ElementType::u8, byte));
    EXPECT_EQ(byte, 255);
    EXPECT_EQ(converted(ElementType::f64, 256.0, ElementType::u8, byte), "256 is no uint8");
    EXPECT_EQ(converted(ElementType::f32, 0.5F, ElementType::u8, byte), "0.5 is no uint8");
    EXPECT_EQ(converted(ElementType::i32, -1, ElementType::u8, byte), "-1 is no uint8");
    EXPECT_EQ(converted(ElementType::f64, std::nan(""), ElementType::u8, byte), "nan is no uint8");
    EXPECT_EQ(byte, 255) << "refused values leave their place alone";
    std::int64_t wide = 0;
    EXPECT_FALSE(converted(ElementType::f64, -0x1p63, ElementType::i64, wide));
    EXPECT_EQ(wide, std::numeric_limits<std::int64_t>::min());
    EXPECT_TRUE(converted(ElementType::f64, 0x1p63, ElementType::i64, wide));
    EXPECT_TRUE(converted(ElementType::u64, ~std::uint64_t{0}, ElementType::i64, wide));
    float single = 0;
    EXPECT_FALSE(converted(ElementType::i8, std::int8_t{-128}, ElementType::f32, single));
    EXPECT_EQ(single, -128.0F);
    EXPECT_TRUE(converted(ElementType::f64, 1e39, ElementType::f32, single));
    EXPECT_FALSE(converted(ElementType::f64, std::nan(""), ElementType::f32, single)) << "training says where it is";
    EXPECT_TRUE(std::isnan(single));
}

TEST(Statistics, AreThoseOfTheWholeWhateverTheBlocks) {
    constexpr std::size_t rows = 1000, features = 3;
    std::vector<float> x(rows * features);
    // Far from zero, where sums of squares lose all digits.
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = 1e5F + static_cast<float>(i * 7919 % 1013) / 8;
    for (const std::size_t block : {1, 7, 256, 1000}) {
        Statistics statistics(features);
        for (std::size_t begin = 0; begin < rows; begin += block) {
            const std::size_t count = std::min(block, rows - begin);
            statistics.add(ElementType::f32, std::as_bytes(std::span(x).subspan(begin * features, count * features)));
        }
        for (std::size_t f = 0; f < features; ++f) {
            double mean = 0, squares = 0, least = x[f], greatest = x[f];
            for (std::size_t i = f; i < x.size(); i += features) mean += x[i] / static_cast<double>(rows);
            for (std::size_t i = f; i < x.size(); i += features) {
                squares += (x[i] - mean) * (x[i] - mean);
                least = std::min<double>(least, x[i]);
                greatest = std::max<double>(greatest, x[i]);
            }
            // Double precision's rounding over 1000 terms.
            EXPECT_NEAR(statistics.mean()[f], mean, 1e-9 * mean);
            EXPECT_NEAR(statistics.variance()[f], squares / rows, 1e-9 * squares / rows);
            EXPECT_EQ(statistics.least()[f], least);
            EXPECT_EQ(statistics.greatest()[f], greatest);
        }
    }
}

} // namespace
} // namespace elbo::convert
