// Every sample exactly once an epoch, for any number of samples, batch and ranks.
#include "data/order.hpp"
#include "data/plan.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

using namespace elbo::data;

/// How often each sample is met when `ranks` go through an epoch.
std::vector<int> counts(std::uint64_t samples, std::uint64_t batch, std::uint64_t ranks) {
    std::vector<int> met(samples);
    const EpochOrder order(1, 0, samples);
    std::uint64_t position = 0, steps = 0;
    for (; position < samples; ++steps) {
        const Range all = batch_at(position, samples, batch);
        std::uint64_t next = all.begin;
        for (std::uint64_t rank = 0; rank < ranks; ++rank) {
            const Range shard = shard_of(all, rank, ranks);
            EXPECT_EQ(shard.begin, next) << "shards follow each other";
            EXPECT_LE(shard.size(), largest_shard(batch, ranks));
            for (std::uint64_t i = shard.begin; i < shard.end; ++i) ++met[order.at(i)];
            next = shard.end;
        }
        EXPECT_EQ(next, all.end);
        position = all.end;
    }
    EXPECT_EQ(steps, batches_from(0, samples, batch));
    return met;
}

void expect_once(std::uint64_t samples, std::uint64_t batch, std::uint64_t ranks) {
    EXPECT_EQ(counts(samples, batch, ranks), std::vector<int>(samples, 1)) << samples << ' ' << batch << ' ' << ranks;
}

TEST(Plan, EverySampleOnceWhereNothingDividesAnything) {
    expect_once(1003, 100, 3);
    expect_once(7, 128, 4);
    expect_once(1, 1, 1);
    expect_once(1, 1, 4);
    expect_once(60000, 128, 2);
}

TEST(Plan, EverySampleOnceForRandomSizes) {
    std::mt19937 random(1);
    for (int trial = 0; trial < 300; ++trial) expect_once(1 + random() % 500, 1 + random() % 600, 1 + random() % 17);
}

TEST(Plan, ShardsDifferByOneAtMost) {
    for (std::uint64_t index = 0; index < 5; ++index) {
        const std::uint64_t size = shard_of({0, 128}, index, 5).size();
        EXPECT_TRUE(size == 25 || size == 26);
    }
}

} // namespace
