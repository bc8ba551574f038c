// Elements in another type keep their values or are refused.
#include "convert/elements.hpp"
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

} // namespace
} // namespace elbo::convert
