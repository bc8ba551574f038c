// Splits of any number of items: exact sizes, every item once, by chance and yet always the same.
#include "base/error.hpp"
#include "convert/division.hpp"
#include "support/files.hpp"

#include <set>

namespace elbo::convert {
namespace {

using elbo::testing::message_of;

TEST(Division, SizesAreExactAndAddUp) {
    const std::vector<Share> shares = parse_shares("train=0.7,validation=0.2,test=0.1");
    for (const std::size_t items : {10, 11, 997, 70000}) {
        const Division division(shares, items, 1);
        std::vector<std::size_t> found(3);
        for (std::size_t i = 0; i < items; ++i) ++found.at(division.split_of(i));
        EXPECT_EQ(found, division.sizes());
        EXPECT_EQ(found[0] + found[1] + found[2], items);
        EXPECT_NEAR(static_cast<double>(found[0]), 0.7 * static_cast<double>(items), 0.51);
        EXPECT_NEAR(static_cast<double>(found[2]), 0.1 * static_cast<double>(items), 0.51);
    }
}

TEST(Division, DependsOnTheSeedAndOnNeighboursNotAtAll) {
    const std::vector<Share> shares = parse_shares("a=0.5,b=0.5");
    const Division one(shares, 10000, 1), same(shares, 10000, 1), other(shares, 10000, 2);
    std::size_t differ = 0, with_next = 0;
    for (std::size_t i = 0; i + 1 < 10000; ++i) {
        EXPECT_EQ(one.split_of(i), same.split_of(i));
        differ += one.split_of(i) != other.split_of(i);
        with_next += one.split_of(i) == one.split_of(i + 1);
    }
    // Halves: standard deviation 50; six of them.
    EXPECT_NEAR(static_cast<double>(differ), 5000, 300);
    EXPECT_NEAR(static_cast<double>(with_next), 5000, 300);
}

TEST(Division, OneSplitHoldsEverything) {
    const Division division({{"train", 1}}, 1, 1);
    EXPECT_EQ(division.sizes(), std::vector<std::size_t>{1});
    EXPECT_EQ(division.split_of(0), 0u);
}

TEST(Division, RefusesWhatIsNoDivision) {
    const auto message = [](const char* text) { return message_of<InputError>([&] { parse_shares(text); }); };
    EXPECT_CONTAINS(message("train"), "is no NAME=FRACTION");
    EXPECT_CONTAINS(message(""), "is no NAME=FRACTION");
    EXPECT_CONTAINS(message("=1"), "is no NAME=FRACTION");
    EXPECT_CONTAINS(message("a=0"), "is no fraction above 0");
    EXPECT_CONTAINS(message("a=nan"), "is no fraction above 0");
    EXPECT_CONTAINS(message("a=0.5x,b=0.5"), "is no fraction above 0");
    EXPECT_CONTAINS(message("a=0.5,b=0.4"), "add up to 0.9, expected 1");
    EXPECT_CONTAINS(message("a=0.5,a=0.5"), "a stands there twice");
    EXPECT_CONTAINS(message("../x=1"), "is no name of letters");
    EXPECT_CONTAINS(message_of<InputError>([] { Division(parse_shares("a=0.9,b=0.1"), 4, 1); }),
                    "of 4 items it would have none");
}

TEST(Division, ShufflesEveryRowToAPlaceOfItsOwn) {
    const data::EpochOrder order = shuffled_order(5, 1000);
    std::set<std::uint64_t> places;
    for (std::uint64_t i = 0; i < 1000; ++i) places.insert(order.at(i));
    EXPECT_EQ(places.size(), 1000u);
}

} // namespace
} // namespace elbo::convert
