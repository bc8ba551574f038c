// Rows made ahead by a thread are those that a loader makes when asked, whatever is taken in whatever order.
#include "data/prefetcher.hpp"
#include "support/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace elbo;
using data::Prefetcher;
using data::Turn;
using data::Turns;
using elbo::testing::TemporaryFolder;

constexpr std::uint64_t samples = 103;
constexpr std::size_t dimensions = 7;

/// Grey values, 103 rows of 7.
data::Dataset grey_dataset(const TemporaryFolder& folder) {
    const storage::Location location{folder.path() / "x.h5", "/x"};
    std::vector<std::uint8_t> values(samples * dimensions);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(37 * i);
    storage::DatasetFileWriter writer(location.file);
    writer.create("/x", {samples, dimensions}, storage::ElementType::u8);
    writer.write_rows("/x", 0, samples, std::as_bytes(std::span(values)));
    writer.commit();
    return {location, std::nullopt};
}

Turn first_of(const Turns& turns, std::uint64_t epoch = 0, std::uint64_t position = 0) {
    return {1, epoch, data::batch_at(position, turns.samples, turns.batch), turns.mine.begin};
}

void expect_same(const data::Rows& expected, const data::Rows& found, const std::string& what) {
    ASSERT_EQ(std::vector(expected.samples.begin(), expected.samples.end()),
              std::vector(found.samples.begin(), found.samples.end()))
        << what;
    for (std::size_t row = 0; row < expected.x.rows(); ++row)
        for (std::size_t column = 0; column < dimensions; ++column)
            ASSERT_EQ(expected.x(row, column), found.x(row, column)) << what;
}

TEST(Turns, VisitEveryPositionOfEveryEpochOnce) {
    for (const std::uint64_t shards : {1, 2, 5}) {
        const Turns turns{samples, 20, shards, {0, shards}};
        Turn turn = first_of(turns);
        for (std::uint64_t epoch = 0; epoch < 3; ++epoch)
            for (std::uint64_t position = 0, step = 6 * epoch; position < samples; turn = turns.after(turn)) {
                if (turn.shard == 0) ++step;
                ASSERT_EQ(turn.step, step);
                ASSERT_EQ(turn.epoch, epoch);
                ASSERT_EQ(turns.positions(turn).begin, position);
                position = turns.positions(turn).end;
            }
    }
}

TEST(Turns, OfSeveralRanksAreTheShardsOfAll) {
    const Turns all{samples, 20, 5, {0, 5}}, one{samples, 20, 5, {0, 2}}, other{samples, 20, 5, {2, 5}};
    Turn first = first_of(one), second = first_of(other), turn = first_of(all);
    for (int i = 0; i < 60; ++i, turn = all.after(turn)) {
        Turn& mine = turn.shard < 2 ? first : second;
        ASSERT_EQ(turn, mine);
        mine = (turn.shard < 2 ? one : other).after(mine);
    }
}

TEST(Prefetcher, MakesTheRowsOfALoader) {
    const TemporaryFolder folder;
    const data::Dataset dataset = grey_dataset(folder);
    for (const std::uint64_t shards : {1, 3}) {
        const Turns turns{samples, 20, shards, {0, shards}};
        Prefetcher plain(dataset, data::Binarize::dynamic, 5, turns, false);
        Prefetcher ahead(dataset, data::Binarize::dynamic, 5, turns, true);
        EXPECT_FALSE(plain.threaded());
        EXPECT_TRUE(ahead.threaded());
        Turn turn = first_of(turns);
        for (int i = 0; i < 50; ++i, turn = turns.after(turn))
            expect_same(plain.take(turn), ahead.take(turn), "turn " + std::to_string(i));
    }
}

TEST(Prefetcher, BeginsAnewWhereATurnWasNotTheNext) {
    const TemporaryFolder folder;
    const data::Dataset dataset = grey_dataset(folder);
    const Turns turns{samples, 10, 2, {0, 2}};
    Prefetcher plain(dataset, data::Binarize::dynamic, 5, turns, false);
    Prefetcher ahead(dataset, data::Binarize::dynamic, 5, turns, true);
    std::minstd_rand random(1);
    for (int i = 0; i < 300; ++i) {
        Turn turn = first_of(turns, random() % 4, random() % 10 * 10);
        for (std::uint64_t more = random() % 30; more > 0; --more, turn = turns.after(turn))
            expect_same(plain.take(turn), ahead.take(turn), "course " + std::to_string(i));
    }
}

TEST(Prefetcher, LeavesTheCallersRowsAlone) {
    const TemporaryFolder folder;
    const data::Dataset dataset = grey_dataset(folder);
    const Turns turns{samples, 10, 1, {0, 1}};
    Prefetcher plain(dataset, data::Binarize::dynamic, 5, turns, false);
    Prefetcher ahead(dataset, data::Binarize::dynamic, 5, turns, true);
    Turn turn = first_of(turns);
    for (int i = 0; i < 20; ++i, turn = turns.after(turn)) {
        const data::Rows rows = ahead.take(turn);
        std::this_thread::sleep_for(std::chrono::milliseconds(2)); // the thread has come as far as it can
        expect_same(plain.take(turn), rows, "turn " + std::to_string(i));
    }
}

/// The same data, left in its file.
data::Dataset left_in_file(const TemporaryFolder& folder, const data::Dataset& whole) {
    const auto source = std::make_shared<data::Source>(storage::DatasetReader(folder / "x.h5", "/x"));
    data::Facts facts{std::vector<double>(dimensions), 0, 255, true, whole.fingerprint(), 0, ""};
    return {source, facts, std::nullopt};
}

TEST(Prefetcher, TakesRowsOfAFileAsOfMemory) {
    const TemporaryFolder folder;
    const data::Dataset whole = grey_dataset(folder), left = left_in_file(folder, whole);
    for (const std::uint64_t block : {0, 6})
        for (const bool threaded : {false, true}) {
            const Turns turns{samples, 20, 3, {1, 3}, block, 11, 5};
            Prefetcher memory(whole, data::Binarize::dynamic, 5, turns, false);
            Prefetcher file(left, data::Binarize::dynamic, 5, turns, threaded);
            Turn turn = first_of(turns, 2, 40);
            // Three epochs, and beyond what is read ahead.
            for (int i = 0; i < 50; ++i, turn = turns.after(turn))
                expect_same(memory.take(turn), file.take(turn), "turn " + std::to_string(i));
        }
}

TEST(Prefetcher, KeepsTheOrderOfAnEpoch) {
    const TemporaryFolder folder;
    const data::Dataset whole = grey_dataset(folder), left = left_in_file(folder, whole);
    const data::Ordering before{samples, 6, 11, 30, 2};
    const Turns turns{samples, 20, 3, {0, 3}, 6, 11, 3};
    for (const data::Dataset* dataset : {&whole, &left})
        for (const bool threaded : {false, true}) {
            Prefetcher batches(*dataset, data::Binarize::none, 5, turns, threaded);
            batches.keep_order(1, before);
            Turn turn = first_of(turns, 1, 60);
            for (; turn.epoch < 3; turn = turns.after(turn)) {
                const data::EpochOrder order(5, static_cast<std::uint32_t>(turn.epoch),
                                             turn.epoch == 1 ? before : data::ordering_of(turns));
                const data::Rows rows = batches.take(turn);
                for (std::size_t i = 0; i < rows.samples.size(); ++i)
                    ASSERT_EQ(rows.samples[i], order.at(turns.positions(turn).begin + i)) << turn.epoch;
            }
        }
}

TEST(Prefetcher, SaysWhenItWorked) {
    const TemporaryFolder folder;
    const data::Dataset dataset = grey_dataset(folder);
    const Turns turns{samples, 10, 1, {0, 1}};
    Prefetcher ahead(dataset, data::Binarize::dynamic, 5, turns, true),
        unseen(dataset, data::Binarize::none, 5, turns, true);
    ahead.record(0, 40);
    Turn turn = first_of(turns);
    for (int i = 0; i < 40; ++i, turn = turns.after(turn)) {
        ahead.take(turn);
        unseen.take(turn);
    }
    EXPECT_TRUE(unseen.stays().empty());
    const auto stays = ahead.stays();
    ASSERT_GE(stays.size(), 40u);
    for (std::size_t i = 0; i < stays.size(); ++i) {
        EXPECT_EQ(stays[i].step, 1 + i);
        EXPECT_LE(stays[i].begin, stays[i].end);
        if (i > 0) {
            EXPECT_LE(stays[i - 1].end, stays[i].begin);
        }
    }
}

} // namespace
