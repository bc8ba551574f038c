// Blocks and windows follow from how a dataset is stored; layouts that cost are noticed.
#include "data/blocks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace elbo;
using data::Blocks;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

storage::DatasetInfo info_of(const Shape& shape, const Shape& chunk, double compression = 1) {
    storage::DatasetInfo info{"a.h5", "/x", shape, storage::ElementType::u8, "uint8", chunk, 0};
    info.stored_bytes = static_cast<std::size_t>(static_cast<double>(elements(shape)) / compression);
    return info;
}

Blocks blocks_of(const storage::DatasetInfo& info) { return data::blocks_for(info, {}, {}); }

TEST(Blocks, AreChunks) {
    const Blocks blocks = blocks_of(info_of({5'000'000, 784}, {1337, 784}));
    EXPECT_EQ(blocks.block, 1337U);
    EXPECT_EQ(blocks.window, 64U * 1337U);
}

TEST(Blocks, OfSmallChunksAreSeveral) {
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {1, 784})).block, 1337U);
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {100, 784})).block, 1300U);
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {})).block, 1337U);
}

TEST(Blocks, OfHugeChunksAreParts) {
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {5'000'000, 784})).block, 1337U);
    EXPECT_EQ(blocks_of(info_of({5'000'000, 784}, {10'000, 784})).block, 10'000U);
}

TEST(Blocks, OfLargeRowsStayWithinReason) {
    const Blocks blocks = blocks_of(info_of({10'000, 3 << 20}, {}));
    EXPECT_EQ(blocks.block, 1U);
    EXPECT_EQ(blocks.window, 21U) << "64 MiB";
    EXPECT_EQ(blocks_of(info_of({10'000, 80 << 20}, {})).window, 1U) << "no less than a block";
    EXPECT_EQ(blocks_of(info_of({100, 10}, {})).block, 100U) << "no more than there are";
}

TEST(Blocks, AreWhatIsAskedFor) {
    const storage::DatasetInfo info = info_of({5000, 784}, {1337, 784});
    EXPECT_EQ(data::blocks_for(info, 10, {}).window, 640U);
    EXPECT_EQ(data::blocks_for(info, {}, 99).window, 99U);
    EXPECT_EQ(data::blocks_for(info, {}, 99).block, 1337U);
}

TEST(Blocks, CostlyLayoutsAreNoticed) {
    EXPECT_THAT(data::costly_layout(info_of({100'000, 784}, {100'000, 784}, 3)),
                AllOf(HasSubstr("one chunk holds the whole"), HasSubstr("elbo convert a.h5 OUT.h5")));
    EXPECT_THAT(data::costly_layout(info_of({100'000, 784}, {100'000, 784})), IsEmpty()) << "parts of it can be read";
    EXPECT_THAT(data::costly_layout(info_of({100'000, 784}, {1, 784})), HasSubstr("100,000 samples is a chunk"));
    EXPECT_THAT(data::costly_layout(info_of({100'000, 784}, {1337, 784}, 3)), IsEmpty());
    EXPECT_THAT(data::costly_layout(info_of({100'000, 784}, {})), IsEmpty());
    EXPECT_THAT(data::costly_layout(info_of({1000, 784}, {1, 784})), IsEmpty()) << "small";
    EXPECT_EQ(data::bytes_around_a_row(info_of({100'000, 784}, {1000, 784}, 3)), 784'000U);
    EXPECT_EQ(data::bytes_around_a_row(info_of({100'000, 784}, {1000, 784})), 0U);
}

} // namespace
