// Data that is read ahead of its turn trains to the same bits as data in memory, on any ranks, gone on with anywhere;
// what ranks find out about a dataset together is what one finds alone.
#include "data/dataset.hpp"
#include "data/facts.hpp"
#include "mpi/small_training.hpp"
#include "storage/files.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cstring>
#include <vector>

namespace {

using namespace small_training;

/// Two of each of four virtual ranks' windows, 12.5 KiB, have room in 14; the data, 16.1 KiB, has not.
const std::vector<std::string> windows = {"data.order=windowed", "data.block=4", "data.window=10"};

std::vector<std::string> with(std::vector<std::string> all, const std::string& more) {
    all.push_back(more);
    return all;
}

/// The checkpoint after so many steps, from one in `start` on where it is named.
std::vector<std::byte> trained(const comm::Communicator& ranks, const config::Config& config, std::uint64_t parts,
                               std::uint64_t count, bool streamed, const std::string& start = {}) {
    training::Trainer trainer(ranks, config, parts);
    EXPECT_NE(trainer.train_data().in_memory(), streamed);
    if (start.empty())
        trainer.initialise();
    else
        trainer.restore(start);
    training::make_steps(trainer, count);
    trainer.collect();
    return image_of(trainer);
}

TEST(Streaming, SameBitsAsFromMemory) {
    const Data data;
    for (const auto& order : std::vector<std::vector<std::string>>{windows, {"data.order=full"}})
        for (const char* prefetch : {"data.prefetch=never", "data.prefetch=always"}) {
            SCOPED_TRACE(order.front() + " " + prefetch);
            const config::Config whole = configuration(data, "~", with(order, prefetch)),
                                 part = configuration(data, "~", with(with(order, prefetch), "data.memory=14KiB"));
            expect_same_images(data, trained(world(), whole, virtual_ranks, 9, false),
                               trained(world(), part, virtual_ranks, 9, true));
        }
}

TEST(Streaming, GoesOnInMidEpochOnOtherRanks) {
    const Data data;
    const config::Config config = configuration(data, "~", with(windows, "data.memory=14KiB"));
    const std::vector<std::byte> saved = trained(world(), config, virtual_ranks, 2, true);
    world().on_first([&] { storage::write_whole(data.file("saved.h5"), saved); });
    const std::vector<std::byte> expected = trained(world(), config, virtual_ranks, 8, true);
    const std::vector<std::byte> found =
        trained(world().node(false), config, virtual_ranks, 6, true, data.file("saved.h5"));
    expect_same_images(data, expected, found);
}

TEST(Streaming, AnEpochOutlivesAnotherBatchAndOtherVirtualRanks) {
    const Data data;
    const config::Config before = configuration(data, "~", windows);
    const std::vector<std::byte> saved = trained(world(), before, virtual_ranks, 2, false);
    world().on_first([&] { storage::write_whole(data.file("saved.h5"), saved); });
    std::vector<std::byte> images[2];
    for (const bool streamed : {false, true}) {
        const std::string memory = streamed ? "data.memory=16KiB" : "data.memory=1GiB";
        const config::Config now = configuration(data, "~", with(with(windows, "training.batch=17"), memory));
        training::Trainer trainer(world(), now, virtual_ranks + 1);
        trainer.restore(data.file("saved.h5"));
        EXPECT_EQ(trainer.state().order_batch, 20U);
        EXPECT_EQ(trainer.state().order_pieces, virtual_ranks);
        while (!trainer.epoch_done()) trainer.step();
        trainer.collect();
        EXPECT_EQ(trainer.state().epoch_sum.samples, samples);
        training::make_steps(trainer, 3);
        EXPECT_EQ(trainer.state().order_batch, 17U);
        images[streamed ? 1 : 0] = image_of(trainer);
    }
    expect_same_images(data, images[0], images[1]);
}

TEST(Streaming, RanksFindOutTogetherWhatOneFindsAlone) {
    // Groups of 4,096 rows or more, 96 MB in all.
    const storage::DatasetInfo info{"a.h5", "/x", {120'000, 200}, storage::ElementType::f32, "float32", {}, 0};
    std::vector<float> values(std::size_t{4096} * 200);
    fill_uniform({1, Purpose::synthesis, 0}, 0, 0, values);
    std::vector<std::byte> piece;
    const auto read = [&](data::Range rows) {
        piece.resize(rows.size() * info.row_bytes());
        for (std::uint64_t row = rows.begin; row < rows.end; ++row)
            std::memcpy(&piece[(row - rows.begin) * info.row_bytes()], &values[row % 4096 * 200], info.row_bytes());
        return std::span<const std::byte>(piece);
    };
    const data::Facts together = data::survey(world(), world(), info, 1, read);
    const data::Facts alone = data::survey(info, 1, read);
    EXPECT_EQ(together.mean, alone.mean) << "to the last bit";
    EXPECT_EQ(together.fingerprint, alone.fingerprint);
    EXPECT_EQ(together.least, alone.least);
    EXPECT_EQ(together.greatest, alone.greatest);
    EXPECT_EQ(together.grey, alone.grey);
}

TEST(Streaming, AReadingErrorIsAgreedOn) {
    const storage::DatasetInfo info{"a.h5", "/x", {120'000, 200}, storage::ElementType::f32, "float32", {}, 0};
    std::vector<std::byte> zeros(std::size_t{8} << 20);
    const auto read = [&](data::Range rows) -> std::span<const std::byte> {
        if (rows.end == info.rows()) reject("a.h5: row 119,999 cannot be read");
        return std::span(zeros).first(rows.size() * info.row_bytes());
    };
    const std::string message =
        elbo::testing::message_of<comm::AgreedError>([&] { data::survey(world(), world(), info, 1, read); });
    EXPECT_CONTAINS(message, "a.h5: row 119,999 cannot be read");
}

} // namespace
