// Words for people: the nearest known name, and numbers with units.
#include "base/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace {

using namespace elbo;
constexpr std::array<std::string_view, 4> known = {"training.epochs", "training.batch", "adam", "sgd"};

TEST(Text, NearestFindsMisspeltAndSwappedLetters) {
    EXPECT_EQ(nearest("training.epoch", known), "training.epochs");
    EXPECT_EQ(nearest("adma", known), "adam");
    EXPECT_EQ(nearest("sgf", known), "sgd");
}

TEST(Text, NearestIsSilentWhereNothingIsNear) {
    EXPECT_EQ(nearest("likelihood", known), "");
    EXPECT_EQ(nearest("", known), "");
}

TEST(Text, DurationsNameTheirUnits) {
    EXPECT_EQ(parse_duration("3h50m"), 13800);
    EXPECT_EQ(parse_duration("1d2h3m4s"), 93784);
    EXPECT_EQ(parse_duration("1.5h"), 5400);
    EXPECT_EQ(parse_duration("90s"), 90);
    for (const char* wrong : {"", "90", "h", "-3h", "3m2h", "1h1h", "3x", "3h ", "0s", "nanh", "infs", "1e3s", "3h50"})
        EXPECT_EQ(parse_duration(wrong), std::nullopt) << wrong;
}

TEST(Text, NaturalOrderCountsDigits) {
    const std::array<std::string_view, 9> sorted = {"",        "part-01",  "part-1",    "part-2",    "part-9",
                                                    "part-10", "part-10b", "part-10b7", "part-10b12"};
    for (std::size_t i = 0; i < sorted.size(); ++i)
        for (std::size_t j = 0; j < sorted.size(); ++j)
            EXPECT_EQ(natural_less(sorted[i], sorted[j]), i < j) << sorted[i] << " and " << sorted[j];
}

TEST(Text, BytesReadAsTheyAreWritten) {
    EXPECT_EQ(parse_bytes("4096"), 4096U);
    EXPECT_EQ(parse_bytes("512MiB"), 512U << 20U);
    EXPECT_EQ(parse_bytes("1.5 GiB"), 3U << 29U);
    EXPECT_EQ(parse_bytes("2TB"), 2'000'000'000'000U);
    EXPECT_EQ(parse_bytes("10kB"), 10'000U);
    EXPECT_EQ(parse_bytes("7B"), 7U);
    for (const char* wrong : {"", "MiB", "-1MiB", "0", "0.1B", "8 G", "8gib", "1e3MiB", "8GiB ", "8  GiB", "nanB",
                              "infB", "99999999TiB", "8GiB8"})
        EXPECT_EQ(parse_bytes(wrong), std::nullopt) << wrong;
}

TEST(Text, LinesBreakBetweenWords) {
    const std::string word(39, 'x'), longer(90, 'y');
    EXPECT_EQ(wrapped(word + " " + word, 0), word + " " + word);
    EXPECT_EQ(wrapped(word + " " + word, 2), "  " + word + "\n  " + word);
    EXPECT_EQ(wrapped(longer + " a", 0), longer + "\na");
    EXPECT_EQ(wrapped("", 2), "  ");
}

TEST(Text, NumbersReadEasily) {
    EXPECT_EQ(with_commas(7), "7");
    EXPECT_EQ(with_commas(999), "999");
    EXPECT_EQ(with_commas(1000), "1,000");
    EXPECT_EQ(with_commas(1234567), "1,234,567");
    EXPECT_EQ(human_bytes(512), "512 B");
    EXPECT_EQ(human_bytes(1023), "1.00 KiB");
    EXPECT_EQ(human_bytes(47 * 1024 * 1024), "47.0 MiB");
    EXPECT_EQ(human_duration(0.42), "0.42 s");
    EXPECT_EQ(human_duration(58), "58 s");
    EXPECT_EQ(human_duration(185), "3 min 05 s");
    EXPECT_EQ(human_duration(7800), "2 h 10 min");
}

} // namespace
