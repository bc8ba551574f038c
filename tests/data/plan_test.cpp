// Every sample exactly once an epoch, for any number of samples, batch and ranks.
#include "data/order.hpp"
#include "data/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace {

using namespace elbo::data;

/// The samples of an epoch in the order of steps and virtual ranks, as `ranks` go through it: each computes a
/// contiguous range of the virtual ranks.
std::vector<std::uint64_t> sequence(std::uint64_t samples, std::uint64_t batch, std::uint64_t virtual_ranks,
                                    std::uint64_t ranks) {
    std::vector<std::uint64_t> met;
    const EpochOrder order(1, 0, samples);
    std::uint64_t position = 0, steps = 0;
    for (; position < samples; ++steps) {
        const Range all = batch_at(position, samples, batch);
        for (std::uint64_t rank = 0; rank < ranks; ++rank) {
            const Range mine = shard_of({0, virtual_ranks}, rank, ranks);
            for (std::uint64_t shard = mine.begin; shard < mine.end; ++shard) {
                const Range part = shard_of(all, shard, virtual_ranks);
                EXPECT_LE(part.size(), largest_shard(batch, virtual_ranks));
                for (std::uint64_t i = part.begin; i < part.end; ++i) met.push_back(order.at(i));
            }
        }
        position = all.end;
    }
    EXPECT_EQ(steps, batches_from(0, samples, batch));
    return met;
}

void expect_once(std::uint64_t samples, std::uint64_t batch, std::uint64_t virtual_ranks, std::uint64_t ranks) {
    std::vector<std::uint64_t> met = sequence(samples, batch, virtual_ranks, ranks);
    EXPECT_EQ(met, sequence(samples, batch, virtual_ranks, 1)) << "the order depends on the ranks";
    std::sort(met.begin(), met.end());
    std::vector<std::uint64_t> all(samples);
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(met, all) << samples << ' ' << batch << ' ' << virtual_ranks << ' ' << ranks;
}

TEST(Plan, EverySampleOnceWhereNothingDividesAnything) {
    expect_once(1003, 100, 3, 3);
    expect_once(7, 128, 4, 4);
    expect_once(1, 1, 1, 1);
    expect_once(1, 1, 4, 3);
    expect_once(60000, 128, 2, 1);
}

TEST(Plan, EverySampleOnceInTheSameOrderForRandomSizes) {
    std::mt19937 random(1);
    for (int trial = 0; trial < 500; ++trial) {
        const std::uint64_t virtual_ranks = 1 + random() % 17;
        expect_once(1 + random() % 500, 1 + random() % 600, virtual_ranks, 1 + random() % virtual_ranks);
    }
}

TEST(Plan, ShardsDifferByOneAtMost) {
    for (std::uint64_t index = 0; index < 5; ++index) {
        const std::uint64_t size = shard_of({0, 128}, index, 5).size();
        EXPECT_TRUE(size == 25 || size == 26);
    }
}

} // namespace
