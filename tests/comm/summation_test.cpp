// The canonical tree over virtual ranks.
#include "comm/slices.hpp"
#include "comm/summation.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <numeric>
#include <vector>

namespace {

using namespace elbo::comm;

TEST(Summation, NodesSplitAtTheLargestPowerOfTwoBelowTheirSize) {
    EXPECT_EQ(canonical_split({0, 2}), 1U);
    EXPECT_EQ(canonical_split({0, 3}), 2U);
    EXPECT_EQ(canonical_split({0, 4}), 2U);
    EXPECT_EQ(canonical_split({4, 7}), 6U);
    EXPECT_EQ(canonical_split({0, 13}), 8U);
}

TEST(Summation, MaximalSubtreesOfAnyPartitionCoverIt) {
    for (std::size_t leaves = 1; leaves <= 40; ++leaves)
        for (std::size_t begin = 0; begin < leaves; ++begin)
            for (std::size_t end = begin + 1; end <= leaves; ++end) {
                const auto roots = maximal_subtrees(leaves, {begin, end});
                std::size_t next = begin;
                for (const Leaves root : roots) {
                    ASSERT_EQ(root.begin, next);
                    next = root.end;
                }
                ASSERT_EQ(next, end);
                const auto bound = static_cast<std::size_t>(2 * std::bit_width(leaves));
                ASSERT_LE(roots.size(), bound);
            }
    EXPECT_EQ(maximal_subtrees(6, {1, 6}), (std::vector<Leaves>{{1, 2}, {2, 4}, {4, 6}}));
    EXPECT_TRUE(maximal_subtrees(6, {2, 2}).empty());
}

TEST(Summation, FewArraysAreAliveAtOnce) {
    EXPECT_EQ(arrays_of_subtree({0, 1}), 1U);
    EXPECT_EQ(arrays_of_subtree({0, 2}), 2U);
    for (std::size_t leaves = 2; leaves <= 1000; ++leaves)
        ASSERT_LE(arrays_of_subtree({0, leaves}), 1 + static_cast<std::size_t>(std::bit_width(leaves - 1)));
}

TEST(Summation, AddsInTheTreesOrder) {
    // (1e8 + 1) - 1e8 is 0 in float, 1 + (1e8 - 1e8) is 1: the order shows.
    const std::vector<float> a = {1e8F}, b = {1}, c = {-1e8F};
    const std::vector<Leaves> leaves = {{0, 1}, {1, 2}, {2, 3}};
    std::vector<float> out(1);
    Summation({0, 3}, leaves)(std::vector<const float*>{a.data(), b.data(), c.data()}, 1, out.data());
    EXPECT_EQ(out[0], 0);
    Summation({0, 3}, leaves)(std::vector<const float*>{a.data(), c.data(), b.data()}, 1, out.data());
    EXPECT_EQ(out[0], 1);
}

TEST(Summation, MayOverwriteOneOfItsSources) {
    std::vector<float> first(5000), second(5000, 2), third(5000, 3);
    std::iota(first.begin(), first.end(), 0.0F);
    const std::vector<Leaves> parts = {{0, 2}, {2, 3}, {3, 4}};
    Summation({0, 4}, parts)(std::vector<const float*>{first.data(), second.data(), third.data()}, 5000, first.data());
    for (std::size_t i = 0; i < first.size(); ++i) ASSERT_EQ(first[i], static_cast<float>(i) + 5);
}

TEST(Summation, RefusesPartsThatAreNotTheWhole) {
    EXPECT_THROW(Summation({0, 4}, std::vector<Leaves>{{0, 2}}), std::logic_error);
    EXPECT_THROW(Summation({0, 2}, std::vector<Leaves>{{0, 1}, {1, 2}, {2, 3}}), std::logic_error);
}

TEST(Slices, BucketsAndOwnersCoverEveryElementOnce) {
    for (const std::size_t parameters : {1UL, 4096UL, 4097UL, 1000003UL})
        for (const std::size_t blocks : {1UL, 64UL, 1000UL})
            for (std::size_t owners = 1; owners <= 5; ++owners) {
                std::size_t next = parameters;
                for (const Slice bucket : buckets_of(parameters, blocks)) {
                    ASSERT_EQ(bucket.end, next);
                    std::size_t at = bucket.begin;
                    for (std::size_t owner = 0; owner < owners; ++owner) {
                        const Slice slice = owned_of(bucket, owner, owners);
                        ASSERT_EQ(slice.begin, at);
                        ASSERT_EQ(slice.begin == bucket.end ? 0 : slice.begin % elbo::sum_block, 0U);
                        at = slice.end;
                    }
                    ASSERT_EQ(at, bucket.end);
                    next = bucket.begin;
                }
                ASSERT_EQ(next, 0U);
            }
}

} // namespace
