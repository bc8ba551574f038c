// The windowed order: every sample once for any sizes, pieces that are the virtual ranks' shards, windows of few
// blocks.
#include "data/order.hpp"
#include "data/windows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <set>
#include <vector>

namespace {

using namespace elbo::data;

std::string text_of(const Ordering& o) {
    return std::to_string(o.samples) + " samples, block " + std::to_string(o.block) + ", window " +
           std::to_string(o.window) + ", batch " + std::to_string(o.batch) + ", pieces " + std::to_string(o.pieces);
}

std::vector<std::uint64_t> whole(const Ordering& ordering, std::uint32_t epoch = 0) {
    const EpochOrder order(3, epoch, ordering);
    std::vector<std::uint64_t> sequence(ordering.samples);
    for (std::uint64_t i = 0; i < ordering.samples; ++i) sequence[i] = order.at(i);
    return sequence;
}

void expect_once(const Ordering& ordering) {
    std::vector<std::uint64_t> sequence = whole(ordering, 2);
    std::ranges::sort(sequence);
    for (std::uint64_t i = 0; i < ordering.samples; ++i) ASSERT_EQ(sequence[i], i) << text_of(ordering);
}

Ordering random_ordering(std::minstd_rand& random) {
    const std::uint64_t samples = 1 + random() % 700;
    return {samples, 1 + random() % (random() % 2 ? 12 : samples), 1 + random() % (random() % 2 ? 40 : 2 * samples),
            1 + random() % samples, 1 + random() % 19};
}

TEST(Bijection, FindsWhereANumberStands) {
    for (const std::uint64_t size : {1, 2, 3, 16, 17, 1000, 4097}) {
        const Bijection bijection({1, elbo::Purpose::block_order, 5}, size, 3, 8);
        for (std::uint64_t i = 0; i < size; ++i) ASSERT_EQ(bijection.position_of(bijection.at(i)), i) << size;
    }
}

TEST(Bijection, KeysTellThemApart) {
    std::set<std::vector<std::uint64_t>> seen;
    for (const std::uint64_t key : {0, 1, 2})
        for (const std::uint64_t second : {0, 1, 2}) {
            const Bijection bijection({1, elbo::Purpose::window_order, 5}, 50, key, second);
            std::vector<std::uint64_t> sequence;
            for (std::uint64_t i = 0; i < 50; ++i) sequence.push_back(bijection.at(i));
            seen.insert(sequence);
        }
    EXPECT_EQ(seen.size(), 9U);
}

TEST(Windows, EverySampleOnceForOddSizes) {
    expect_once({1, 1, 1, 1, 1});
    expect_once({1, 5, 9, 1, 7});
    expect_once({1003, 64, 130, 100, 3});
    expect_once({1003, 1, 1, 7, 4});
    expect_once({1003, 1003, 5, 1003, 2});
    expect_once({60000, 1337, 4000, 128, 5});
    std::minstd_rand random(1);
    for (int trial = 0; trial < 1500; ++trial) expect_once(random_ordering(random));
}

TEST(Windows, PiecesAreWhatTheShardsTake) {
    std::minstd_rand random(2);
    for (int trial = 0; trial < 300; ++trial) {
        const Ordering o = random_ordering(random);
        std::vector<std::uint64_t> taken(o.pieces);
        const Windows windows(1, 0, o);
        for (std::uint64_t position = 0; position < o.samples;) {
            const Range batch = batch_at(position, o.samples, o.batch);
            for (std::uint64_t shard = 0; shard < o.pieces; ++shard) {
                const Range part = shard_of(batch, shard, o.pieces);
                for (position = part.begin; position < part.end; ++position) {
                    const Windows::Spot spot = windows.spot(position);
                    ASSERT_EQ(spot.piece, shard) << text_of(o);
                    ASSERT_EQ(spot.window, taken[shard]++ / o.window) << text_of(o);
                    ASSERT_LT(spot.place, windows.window(shard, spot.window).size()) << text_of(o);
                }
            }
            position = batch.end;
        }
        std::uint64_t end = 0;
        for (std::uint64_t piece = 0; piece < o.pieces; ++piece) {
            ASSERT_EQ(o.piece(piece).begin, end) << text_of(o);
            ASSERT_EQ(o.piece(piece).size(), taken[piece]) << text_of(o);
            end = o.piece(piece).end;
        }
        ASSERT_EQ(end, o.samples);
    }
}

TEST(Windows, SlotsCoverTheSequenceAndHoldEachBlockOnce) {
    std::minstd_rand random(3);
    for (int trial = 0; trial < 300; ++trial) {
        const Ordering o = random_ordering(random);
        const Windows windows(1, 4, o);
        std::set<std::uint64_t> blocks;
        std::uint64_t place = 0;
        for (std::uint64_t slot = 0; place < o.samples; ++slot) {
            const Range places = windows.places(slot);
            ASSERT_EQ(places.begin, place) << text_of(o);
            ASSERT_GT(places.size(), 0U) << text_of(o);
            for (; place < places.end; ++place) ASSERT_EQ(windows.slot_of(place), slot) << text_of(o);
            ASSERT_LE(windows.first_sample(slot) + places.size(), o.samples) << text_of(o);
            ASSERT_TRUE(blocks.insert(windows.first_sample(slot)).second) << text_of(o);
        }
        EXPECT_EQ(blocks.size(), (o.samples + o.block - 1) / o.block);
    }
}

TEST(Windows, AWindowHoldsFewBlocks) {
    const Ordering o{100'000, 100, 1000, 200, 3};
    const EpochOrder order(1, 0, o);
    const Windows windows(1, 0, o);
    std::set<std::uint64_t> blocks;
    for (std::uint64_t position = 0; position < o.samples; ++position) {
        const Windows::Spot spot = windows.spot(position);
        if (spot.piece == 1 && spot.window == 7) blocks.insert(order.at(position) / o.block);
    }
    EXPECT_GE(blocks.size(), 10U);
    EXPECT_LE(blocks.size(), 11U) << "a window of ten blocks touches eleven at most";
}

TEST(Windows, EpochsAndSeedsDiffer) {
    const Ordering o{1000, 10, 200, 50, 2};
    EXPECT_EQ(whole(o, 1), whole(o, 1));
    EXPECT_NE(whole(o, 1), whole(o, 2));
    Ordering other = o;
    other.block = 11;
    EXPECT_NE(whole(o), whole(other));
    EXPECT_NE(EpochOrder(1, 0, o).at(5), EpochOrder(2, 0, o).at(5));
}

TEST(Windows, NeighboursInABatchAreMixed) {
    // 128 of a window's 6,400 samples in 64 blocks, drawn without order: two in a row share a block in 1 of 64 cases,
    // 7 standard deviations of 20,000 draws are 0.006.
    const Ordering o{1'000'000, 100, 6400, 128, 1};
    const EpochOrder order(1, 0, o);
    std::uint64_t same = 0, pairs = 0;
    for (std::uint64_t position = 1; position < 20'000; ++position, ++pairs)
        if (order.at(position) / o.block == order.at(position - 1) / o.block) ++same;
    EXPECT_NEAR(static_cast<double>(same) / static_cast<double>(pairs), 1 / 64.0, 0.006);
}

TEST(Windows, AnyPositionCostsTheSame) {
    // 2^39 samples: whoever went through blocks or windows would not come back.
    const Ordering o{(std::uint64_t{1} << 39U) + 12345, 1000, 64'000, 1024, 96};
    const EpochOrder order(1, 0, o);
    const auto start = std::chrono::steady_clock::now();
    std::set<std::uint64_t> seen;
    for (std::uint64_t position = o.samples - 1000; position < o.samples; ++position) seen.insert(order.at(position));
    EXPECT_EQ(seen.size(), 1000U);
    EXPECT_LT(*seen.rbegin(), o.samples);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

} // namespace
