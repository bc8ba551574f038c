// Cores of a node: when its ranks are too many for them, or bound to too few.
#include "comm/cores.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include <sched.h>

namespace {

using namespace elbo::comm;
using Masks = std::vector<std::vector<int>>;

Cores weigh(const Masks& masks, int threads = 1, std::optional<double> quota = std::nullopt) {
    std::vector<CoreLimits> ranks;
    for (const std::vector<int>& mask : masks) ranks.push_back({mask, quota, "7:1"});
    return weigh_cores("n1", ranks, threads);
}

std::vector<int> cores_up_to(int count) {
    std::vector<int> cores(static_cast<std::size_t>(count));
    std::iota(cores.begin(), cores.end(), 0);
    return cores;
}

TEST(Cores, RanksWithCoresOfTheirOwnAreFine) {
    for (const Masks& masks : {Masks{{0}, {1}, {5}}, Masks{{0, 1}, {0, 1}}, Masks{{0, 1, 2}, {0}, {0, 1}}}) {
        const Cores cores = weigh(masks);
        EXPECT_FALSE(cores.must_share());
        EXPECT_EQ(warning_text(cores), "");
    }
    EXPECT_EQ(weigh({{0}, {1}, {5}}).union_of_node, 3) << "not what the first rank alone may use";
}

TEST(Cores, MoreRanksThanCoresAreCrowded) {
    const Cores cores = weigh({{0, 1}, {0, 1}, {0, 1}, {0, 1}});
    EXPECT_TRUE(cores.crowded && cores.must_share());
    EXPECT_FALSE(cores.shared_core);
    EXPECT_EQ(cores.union_of_node, 2);
    EXPECT_CONTAINS(warning_text(cores), "4 ranks share 2 cores on n1: ");
    EXPECT_CONTAINS(warning_text(cores), "fewer ranks");
}

TEST(Cores, RanksBoundToOneCoreAreNamedThoughOthersAreFree) {
    const Cores cores = weigh({{0, 1, 2, 3}, {2}, {0, 1}, {2}});
    EXPECT_TRUE(cores.shared_core && cores.must_share());
    EXPECT_FALSE(cores.crowded);
    EXPECT_EQ(cores.sharing, (std::vector<int>{1, 3}));
    EXPECT_EQ(cores.shared_cores, std::vector<int>{2});
    EXPECT_CONTAINS(warning_text(cores), "2 ranks (of the node: 1, 3) are bound to 1 core of 4 on n1 (number 2): ");
}

TEST(Cores, ThreeRanksOnTwoCoresOfManyAreSeenWhateverTheirMasks) {
    const Cores cores = weigh({{0, 1}, {1, 0}, {5, 6}, {0}, {0, 1, 2, 3, 4, 5, 6, 7}});
    EXPECT_TRUE(cores.shared_core);
    EXPECT_EQ(cores.sharing, (std::vector<int>{0, 1, 3}));
    EXPECT_EQ(cores.shared_cores, (std::vector<int>{0, 1}));
}

TEST(Cores, ThreadsNeedCoresToo) {
    EXPECT_FALSE(weigh({{0, 1}, {2, 3}}, 2).must_share());
    EXPECT_TRUE(weigh({{0, 1}, {2, 3}}, 3).crowded);
    const Cores bound = weigh({{0}, {1, 2, 3}}, 2);
    EXPECT_TRUE(bound.shared_core);
    EXPECT_CONTAINS(warning_text(bound), "1 rank of 2 threads (of the node: 0) is bound to 1 core of 4");
    EXPECT_CONTAINS(warning_text(bound), "--map-by slot:PE=2");
    const Cores alone = weigh({{0}}, 2);
    EXPECT_CONTAINS(warning_text(alone), "1 rank of 2 threads has 1 core on n1");
}

TEST(Cores, AQuotaCountsWhereAllRanksAreUnderIt) {
    const std::vector<int> many = cores_up_to(64);
    EXPECT_FALSE(weigh({many, many}, 1, 2.0).must_share());
    const Cores held = weigh({many, many}, 1, 1.5);
    EXPECT_TRUE(held.crowded);
    EXPECT_CONTAINS(warning_text(held), "2 ranks share the time of 1.5 cores on n1, of 64 that they see");

    const Cores separate = weigh_cores("n1", {{many, 1.0, "7:1"}, {many, 1.0, "7:2"}}, 1);
    EXPECT_FALSE(separate.must_share()) << "each has a quota of its own";
}

TEST(Cores, ManyRanksOnManyCoresAreMatchedAndLongListsShortened) {
    EXPECT_FALSE(weigh(Masks(256, cores_up_to(256))).must_share());
    EXPECT_TRUE(weigh(Masks(257, cores_up_to(256))).crowded);
    Masks half(256, cores_up_to(128));
    half.back() = cores_up_to(1024);
    const Cores cores = weigh(half);
    EXPECT_TRUE(cores.shared_core);
    EXPECT_EQ(cores.sharing.size(), cores.shared_cores.size() + 1);
    EXPECT_CONTAINS(warning_text(cores), "0, 1, 2, 3, 4, 5, 6, 7 and 121 more");
}

TEST(Cores, ThisProcesssOwnLimitsAreItsMask) {
    const CoreLimits before = core_limits();
    ASSERT_FALSE(before.cores.empty());
    cpu_set_t old_set, set;
    CPU_ZERO(&old_set);
    ASSERT_EQ(sched_getaffinity(0, sizeof old_set, &old_set), 0);
    EXPECT_EQ(before.cores.size(), static_cast<std::size_t>(CPU_COUNT(&old_set)));
    CPU_ZERO(&set);
    CPU_SET(before.cores.back(), &set);
    ASSERT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
    EXPECT_EQ(core_limits().cores, std::vector<int>{before.cores.back()});
    EXPECT_EQ(sched_setaffinity(0, sizeof old_set, &old_set), 0);
}

} // namespace
