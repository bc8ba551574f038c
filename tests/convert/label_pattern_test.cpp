// Labels within names.
#include "convert/label_pattern.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

namespace elbo::convert {
namespace {

std::string found(const std::string& pattern, const std::string& path) {
    return std::string(LabelPattern(pattern).find(path).value_or("nothing"));
}

TEST(LabelPattern, FindsTheLabel) {
    EXPECT_EQ(found("*_{label}.png", "123_7.png"), "7");
    EXPECT_EQ(found("*_{label}.png", "a_b_12.png"), "12") << "the first * is as long as it can be";
    EXPECT_EQ(found("{label}_*.png", "cat_1_2.png"), "cat") << "the label is as short as it can be";
    EXPECT_EQ(found("{label}.*.jpg", "cat.0.jpg"), "cat");
    EXPECT_EQ(found("img*-{label}-*", "img-3-x.png"), "3") << "a * may be nothing";
    EXPECT_EQ(found("{label}", "x.png"), "x.png");
}

TEST(LabelPattern, TheWholeNameFitsOrNothing) {
    EXPECT_EQ(found("*_{label}.png", "123.png"), "nothing");
    EXPECT_EQ(found("*_{label}.png", "123_7.jpg"), "nothing");
    EXPECT_EQ(found("*_{label}.png", "123_.png"), "nothing") << "a label has a character at least";
    EXPECT_EQ(found("{label}_*.png", "x/_1.png"), "nothing");
}

TEST(LabelPattern, OfAPathItsEnd) {
    EXPECT_EQ(found("*_{label}.png", "some/where/1_5.png"), "5");
    EXPECT_EQ(found("{label}/*", "some/where/1.png"), "where");
    EXPECT_EQ(found("{label}/*/*", "some/where/1.png"), "some");
    EXPECT_EQ(found("{label}/*/*", "where/1.png"), "nothing");
    EXPECT_EQ(found("x{label}/*", "a/xb/1.png"), "b");
}

TEST(LabelPattern, NoPatternTakesLong) {
    EXPECT_EQ(found("*a*a*a*a*a*a*a*a*a*a*{label}b", std::string(200, 'a')), "nothing");
}

TEST(LabelPattern, RefusesAPatternWithoutItsPlace) {
    EXPECT_CONTAINS(elbo::testing::message_of<InputError>([] { LabelPattern("*.png"); }), "expected {label} once");
    EXPECT_THROW(LabelPattern("{label}_{label}.png"), InputError);
}

} // namespace
} // namespace elbo::convert
