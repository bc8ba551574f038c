// Rows that a thread reads ahead are those of the order, whatever is taken in whatever order; what reading costs;
// errors.
#include "data/feed.hpp"
#include "data/order.hpp"
#include "support/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace elbo;
using namespace elbo::data;
using elbo::testing::TemporaryFolder;
using ::testing::HasSubstr;

constexpr std::uint64_t samples = 1003;
constexpr std::size_t width = 5;
using Row = std::array<std::uint32_t, width>;

Row row_of(std::uint64_t sample) {
    Row row{};
    for (std::size_t j = 0; j < width; ++j) row[j] = static_cast<std::uint32_t>(1000 * sample + j);
    return row;
}

std::filesystem::path write_file(const TemporaryFolder& folder, const char* name = "x.h5") {
    std::vector<Row> rows(samples);
    for (std::uint64_t i = 0; i < samples; ++i) rows[i] = row_of(i);
    storage::DatasetFileWriter writer(folder / name);
    writer.create("/x", {samples, width}, storage::ElementType::u32);
    writer.write_rows("/x", 0, samples, std::as_bytes(std::span(rows)));
    writer.commit();
    return folder / name;
}

std::shared_ptr<const Source> source_of(const std::filesystem::path& file) {
    return std::make_shared<Source>(storage::DatasetReader(file, "/x"));
}

Feed feed_of(const std::shared_ptr<const Source>& source, const Turns& turns, std::uint32_t seed = 5) {
    return {source, make_schedule(seed, turns, sizeof(Row)), turns};
}

Turn first_of(const Turns& turns, std::uint64_t epoch = 0, std::uint64_t position = 0) {
    return {1, epoch, batch_at(position, turns.samples, turns.batch), turns.mine.begin};
}

void expect_rows_of(const Turns& turns, const Turn& turn, std::span<const Located> rows, const std::string& what,
                    std::uint32_t seed = 5) {
    const EpochOrder order(seed, static_cast<std::uint32_t>(turn.epoch), ordering_of(turns));
    const Range positions = turns.positions(turn);
    ASSERT_EQ(rows.size(), positions.size()) << what;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        ASSERT_EQ(rows[i].sample, order.at(positions.begin + i)) << what;
        Row found;
        std::memcpy(found.data(), rows[i].bytes, sizeof found);
        ASSERT_EQ(found, row_of(rows[i].sample)) << what;
    }
}

Turns windowed(std::uint64_t batch, std::uint64_t shards, Range mine, std::uint64_t block, std::uint64_t window,
               std::uint64_t epochs = 0) {
    return {samples, batch, shards, mine, block, window, epochs};
}

TEST(Feed, GivesTheRowsOfTheOrder) {
    const TemporaryFolder folder;
    const auto source = source_of(write_file(folder));
    for (const Turns& turns :
         {Turns{samples, 20, 1, {0, 1}}, Turns{samples, 64, 3, {0, 3}}, windowed(64, 3, {0, 3}, 10, 100),
          windowed(64, 3, {1, 2}, 7, 33), windowed(50, 2, {0, 2}, 1, 1), windowed(10, 4, {2, 4}, 2000, 5000),
          windowed(7, 10, {0, 10}, 3, 4), windowed(1003, 2, {0, 1}, 64, 3)}) {
        Feed feed = feed_of(source, turns);
        Turn turn = first_of(turns);
        for (std::uint64_t i = 0; i < 3 * batches_from(0, samples, turns.batch) * turns.mine.size() + 1; ++i) {
            expect_rows_of(turns, turn, feed.take(turn), fmt::format("batch {}, turn {}", turns.batch, i));
            turn = turns.after(turn);
        }
    }
}

TEST(Feed, BeginsAnewWhereATurnWasNotTheNext) {
    const TemporaryFolder folder;
    const auto source = source_of(write_file(folder));
    std::minstd_rand random(1);
    for (const Turns& turns : {Turns{samples, 20, 2, {0, 2}}, windowed(20, 2, {0, 2}, 9, 50, 4)}) {
        Feed feed = feed_of(source, turns);
        for (int course = 0; course < 100; ++course) {
            Turn turn = first_of(turns, random() % 6, random() % 51 * 20);
            if (random() % 2) turn.shard = turns.mine.end - 1;
            for (std::uint64_t more = random() % 40; more > 0; --more, turn = turns.after(turn))
                expect_rows_of(turns, turn, feed.take(turn), fmt::format("course {}", course));
        }
    }
}

TEST(Feed, AllRanksTogetherReadTheFileOnceAnEpoch) {
    const TemporaryFolder folder;
    const std::filesystem::path file = write_file(folder);
    constexpr std::uint64_t epochs = 2;
    std::uint64_t bytes = 0;
    for (const Range mine : {Range{0, 2}, Range{2, 3}}) {
        const auto source = source_of(file);
        const Turns turns = windowed(60, 3, mine, 10, 64, epochs);
        {
            Feed feed = feed_of(source, turns);
            for (Turn turn = first_of(turns); turn.epoch < epochs; turn = turns.after(turn)) feed.take(turn);
        } // nothing of a third epoch
        bytes += source->bytes_read();
    }
    EXPECT_EQ(bytes, epochs * samples * sizeof(Row));
}

TEST(Feed, ReadsNeighboursTogether) {
    const Turns turns = windowed(100, 1, {0, 1}, 10, 200);
    const auto schedule = make_schedule(1, turns, sizeof(Row));
    schedule->begin(first_of(turns), 1);
    std::uint64_t rows = 0, portions = 0;
    while (const std::optional<Portion> portion = schedule->next(0)) {
        ++portions;
        EXPECT_LE(portion->rows.size(), 22U) << "200 samples lie in 21 blocks, and the short one";
        for (std::size_t i = 0; i < portion->rows.size(); ++i) {
            rows += portion->rows[i].size();
            if (i > 0) {
                EXPECT_LT(portion->rows[i - 1].end, portion->rows[i].begin) << "ascending, and apart";
            }
        }
    }
    EXPECT_EQ(portions, 6U);
    EXPECT_EQ(rows, samples);
}

TEST(Feed, AnEpochGoesOnInTheOrderItWasBegunIn) {
    const TemporaryFolder folder;
    const auto source = source_of(write_file(folder));
    const Ordering before{samples, 10, 90, 40, 4}; // 4 virtual ranks, a batch of 40; now 3 and 50, in mid-epoch
    const Turns turns = windowed(50, 3, {0, 3}, 10, 90, 1);
    Feed feed(source, make_turn_schedule(5, turns, before, sizeof(Row)), turns);
    const EpochOrder order(5, 0, before);
    std::uint64_t position = 400;
    for (Turn turn = first_of(turns, 0, position); turn.epoch == 0; turn = turns.after(turn))
        for (const Located& row : feed.take(turn)) {
            ASSERT_EQ(row.sample, order.at(position++));
            ASSERT_EQ(std::memcmp(row.bytes, row_of(row.sample).data(), sizeof(Row)), 0);
        }
    EXPECT_EQ(position, samples);
}

TEST(Feed, EndsWhileItsThreadReads) {
    const TemporaryFolder folder;
    const auto source = source_of(write_file(folder));
    const Turns turns = windowed(50, 4, {0, 4}, 10, 100);
    for (int i = 0; i < 50; ++i) {
        Feed feed = feed_of(source, turns);
        if (i % 2) feed.take(first_of(turns));
    }
}

TEST(Feed, SaysWhatHappenedToTheFile) {
    const TemporaryFolder folder;
    const Turns turns = windowed(50, 1, {0, 1}, 10, 100);
    const auto message_after = [&](const char* name, const auto& change) {
        const std::filesystem::path file = write_file(folder, name);
        const auto source = source_of(file);
        Feed feed = feed_of(source, turns);
        Turn turn = first_of(turns);
        feed.take(turn);
        change(file);
        return elbo::testing::message_of<InputError>([&] {
            for (int i = 0; i < 100; ++i) feed.take(turn = turns.after(turn));
        });
    };
    EXPECT_THAT(message_after("cut.h5", [](const auto& file) { std::filesystem::resize_file(file, 4000); }),
                ::testing::AllOf(HasSubstr("cut.h5: was cut short while it was read"), HasSubstr("has 4,000")));
    EXPECT_THAT(message_after("replaced.h5",
                              [&](const auto& file) { std::filesystem::rename(write_file(folder, "new.h5"), file); }),
                HasSubstr("replaced.h5: was replaced by another file"));
    EXPECT_THAT(message_after("gone.h5", [](const auto& file) { std::filesystem::remove(file); }),
                HasSubstr("gone.h5: was removed"));
    EXPECT_THAT(message_after("written.h5",
                              [](const auto& file) {
                                  const auto later = std::filesystem::last_write_time(file) + std::chrono::seconds(9);
                                  std::filesystem::last_write_time(file, later);
                              }),
                HasSubstr("written.h5: was written to"));
}

} // namespace
