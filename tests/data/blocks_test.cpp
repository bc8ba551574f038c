// Blocks and windows follow from how a dataset is stored.
#include "data/blocks.hpp"

#include <gtest/gtest.h>

namespace {

using namespace elbo;
using data::Blocks;

storage::DatasetInfo info_of(const Shape& shape, const Shape& chunk, std::vector<std::string> filters = {}) {
    storage::DatasetInfo info{"a.h5", "/x", shape, storage::ElementType::u8, "uint8", chunk, elements(shape)};
    info.layout = chunk.empty() ? "contiguous" : "chunked";
    info.filters = std::move(filters);
    return info;
}

const std::vector<std::string> gzip = {"shuffle", "gzip 4"};

Blocks blocks_of(const storage::DatasetInfo& info) { return data::blocks_for(info, {}, {}); }

TEST(Blocks, AreRowsOrPartsOfChunks) {
    const Blocks blocks = blocks_of(info_of({5'000'000, 784}, {}));
    EXPECT_EQ(blocks.block, 334U) << "256 KiB";
    EXPECT_EQ(blocks.window, 256U * 334U);
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {1337, 784})).block, 334U) << "a quarter";
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {600, 784})).block, 300U) << "two, not one";
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {400, 784})).block, 400U) << "one";
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {5'000'000, 784})).block, 334U);
}

TEST(Blocks, OfSmallChunksAreSeveral) {
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {1, 784})).block, 334U);
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {100, 784})).block, 300U);
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {100, 784}, gzip)).block, 300U);
}

TEST(Blocks, OfCompressedChunksAreWholeOnes) {
    const Blocks blocks = blocks_of(info_of({5'000'000, 784}, {1337, 784}, gzip));
    EXPECT_EQ(blocks.block, 1337U);
    EXPECT_EQ(blocks.window, (64U << 20U) / 784U) << "64 MiB";
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {10'000, 784}, {"fletcher32"})).block, 10'000U);
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {5'000'000, 784}, gzip)).block, 1337U) << "1 MiB: more than memory";
}

TEST(Blocks, OfOtherFilesRowsAreLonger) {
    storage::DatasetInfo info = info_of({5'000'000, 784}, {});
    info.layout = "virtual"; // they may be compressed there
    EXPECT_EQ(blocks_of(info).block, 1337U);
}

TEST(Blocks, OfLargeRowsStayWithinReason) {
    const Blocks blocks = blocks_of(info_of({10'000, 3 << 20}, {}));
    EXPECT_EQ(blocks.block, 1U);
    EXPECT_EQ(blocks.window, 21U) << "64 MiB";
    EXPECT_EQ(blocks_of(info_of({10'000, 80 << 20}, {})).window, 1U) << "no less than a block";
    EXPECT_EQ(blocks_of(info_of({100, 10}, {})).block, 100U) << "no more than there are";
}

TEST(Blocks, AreWhatIsAskedFor) {
    const storage::DatasetInfo info = info_of({5000, 784}, {1337, 784}, gzip);
    EXPECT_EQ(data::blocks_for(info, 10, {}).window, 2560U);
    EXPECT_EQ(data::blocks_for(info, {}, 99).window, 99U);
    EXPECT_EQ(data::blocks_for(info, {}, 99).block, 1337U);
}

TEST(Blocks, ARowOfACompressedChunkCostsTheChunk) {
    EXPECT_EQ(data::bytes_around_a_row(info_of({100'000, 784}, {1000, 784}, gzip)), 784'000U);
    EXPECT_EQ(data::bytes_around_a_row(info_of({100, 784}, {1000, 784}, gzip)), 78'400U) << "of what there is";
    EXPECT_EQ(data::bytes_around_a_row(info_of({100'000, 784}, {1000, 784})), 0U);
    EXPECT_EQ(data::bytes_around_a_row(info_of({100'000, 784}, {})), 0U);
}

} // namespace
