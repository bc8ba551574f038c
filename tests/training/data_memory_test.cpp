// What a node keeps of the data follows from data.memory and the headers; what has no room is refused with numbers.
#include "base/error.hpp"
#include "support/files.hpp"
#include "training/data_memory.hpp"
#include "training/schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace elbo;
using ::testing::AllOf;
using ::testing::HasSubstr;

config::Config configuration(const std::vector<std::string>& more) {
    const std::string text = "output: unused\n"
                             "data: {train: x.h5}\n"
                             "model: {latent: 3, encoder: [{dense: 7}], decoder: [{dense: 9}]}\n"
                             "training: {epochs: 2, batch: 20}\n";
    return config::parse({"test", text}, more, training::schema());
}

storage::DatasetInfo rows(std::size_t count) {
    return {"x.h5", "/train/x", {count, 100}, storage::ElementType::u8, "uint8", {}, count * 100};
}

training::DataPlan plan(const std::vector<std::string>& more, std::size_t memory,
                        const std::optional<storage::DatasetInfo>& validation = {}) {
    const training::Division two_ranks{20, 4, {{0, 2}, {2, 4}}};
    return training::plan_data(configuration(more), rows(1000), validation, two_ranks, memory);
}

TEST(DataMemory, WhatFitsIsTakenWhole) {
    const training::DataPlan all = plan({}, 110'000, rows(100));
    EXPECT_TRUE(all.train_in_memory && all.validation_in_memory);
    EXPECT_EQ(all.bytes(), 110'000U);
    EXPECT_FALSE(plan({}, 109'999, rows(100)).validation_in_memory);
    EXPECT_TRUE(plan({}, 109'999, rows(100)).train_in_memory) << "training data comes first";
}

TEST(DataMemory, WindowsAreTakenTwiceForEachVirtualRank) {
    const training::DataPlan windows = plan({"data.order=windowed", "data.block=5", "data.window=50"}, 90'000);
    EXPECT_FALSE(windows.train_in_memory);
    EXPECT_EQ(windows.train, 2U * 4 * 50 * 100);
    EXPECT_EQ(plan({"data.order=windowed", "data.block=5", "data.window=5000"}, 100'000).train, 100'000U)
        << "in memory whatever the windows";
}

TEST(DataMemory, WindowsWithoutRoomAreRefusedWithNumbers) {
    const auto message = elbo::testing::message_of<InputError>([] {
        plan({"data.order=windowed", "data.block=5", "data.window=50"}, 39'999);
    });
    EXPECT_THAT(message, AllOf(HasSubstr("x.h5:/train/x has 97.7 KiB"), HasSubstr("data.window is 50 samples of 100 B"),
                               HasSubstr("4 virtual ranks"), HasSubstr("take 39.1 KiB"),
                               HasSubstr("data.memory is 39.1 KiB"), HasSubstr("data.window to at most 49")));
}

TEST(DataMemory, AFullOrderIsReadTurnByTurn) {
    const training::DataPlan turns = plan({}, 50'000);
    EXPECT_FALSE(turns.train_in_memory);
    EXPECT_EQ(turns.train, 2U * 16 * 5 * 100) << "16 turns of 5 rows on each of two ranks";
}

TEST(DataMemory, IsWhatIsConfigured) {
    EXPECT_EQ(training::memory_for_data(configuration({"data.memory=3MiB"}).data, 4), 3U << 20U);
    const std::size_t some = training::memory_for_data(configuration({}).data, 1);
    EXPECT_GT(some, 0U);
    EXPECT_LE(training::memory_for_data(configuration({}).data, 1000), some / 100);
}

} // namespace
