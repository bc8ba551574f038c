// Checkpoints written by a thread while the image of the next is not touched, and what is said of those that fail.
#include "base/error.hpp"
#include "storage/checkpoint.hpp"
#include "support/files.hpp"
#include "training/saver.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <vector>

namespace {

using namespace elbo;
using training::Save;
namespace fs = std::filesystem;

constexpr std::size_t count = 200'000;

class SaverTest : public ::testing::Test {
protected:
    SaverTest() : values(count) { fs::create_directories(paths.checkpoints()); }

    void save(training::Saver& saver, std::uint64_t step, bool best = false) {
        std::iota(values.begin(), values.end(), static_cast<float>(step));
        const std::array arrays = {storage::NamedArray<const float>{"/parameters/x", {count}, values}};
        saver.build([&](std::vector<std::byte>& image) { storage::build_checkpoint(image, arrays, {}); });
        saver.write({step, best, 0, 0, 0, {}});
        // Training goes on: the arrays change while the thread writes.
        std::fill(values.begin(), values.end(), -1.0F);
    }

    float first_value(const fs::path& path) {
        std::vector<float> read(count);
        storage::CheckpointReader(path).read(std::vector<storage::NamedArray<float>>{{"/parameters/x", {count}, read}});
        return read.front();
    }

    elbo::testing::TemporaryFolder folder;
    training::RunPaths paths{folder.path()};
    std::vector<float> values;
};

TEST_F(SaverTest, WritesEverySaveWholeAndKeepsTheLastAndTheBest) {
    config::Checkpoint settings;
    settings.keep = 2;
    settings.verify = true;
    {
        training::Saver saver(paths, settings);
        for (std::uint64_t step = 1; step <= 9; ++step) {
            save(saver, step, step == 3);
            if (step % 2 == 0) {
                const std::optional<Save> done = saver.wait();
                ASSERT_TRUE(done);
                EXPECT_EQ(done->step, step);
                EXPECT_EQ(done->trouble, "");
                EXPECT_GT(done->bytes, count * sizeof(float));
            }
        }
    }
    EXPECT_EQ(fs::read_symlink(paths.latest()), "step-00000009.h5");
    EXPECT_EQ(fs::read_symlink(paths.best()), "step-00000003.h5");
    const std::vector<fs::path> kept = list_checkpoints(paths);
    ASSERT_EQ(kept.size(), 3U);
    EXPECT_EQ(first_value(kept[0]), 3);
    EXPECT_EQ(first_value(kept[1]), 8);
    EXPECT_EQ(first_value(paths.latest()), 9);
}

TEST_F(SaverTest, TellsOfASaveOnce) {
    training::Saver saver(paths, {});
    EXPECT_FALSE(saver.done());
    EXPECT_FALSE(saver.wait());
    save(saver, 1);
    EXPECT_TRUE(saver.wait());
    EXPECT_FALSE(saver.done());
    EXPECT_FALSE(saver.wait());
}

TEST_F(SaverTest, ASaveThatFailsLeavesWhatWasThereAndSaysWhy) {
    training::Saver saver(paths, {});
    save(saver, 1);
    saver.wait();
    fs::rename(paths.checkpoints(), folder / "elsewhere");
    save(saver, 2);
    const std::optional<Save> failed = saver.wait();
    ASSERT_TRUE(failed);
    EXPECT_NE(failed->trouble.find("step-00000002.h5"), std::string::npos) << failed->trouble;
    fs::rename(folder / "elsewhere", paths.checkpoints());
    EXPECT_EQ(list_checkpoints(paths).size(), 1U);
    save(saver, 3);
    EXPECT_EQ(saver.wait()->trouble, "");
    EXPECT_EQ(first_value(paths.latest()), 3);
}

TEST_F(SaverTest, AFileOfALaterStepNeitherCountsNorStays) {
    config::Checkpoint settings;
    settings.keep = 1;
    const fs::path later = paths.checkpoint(15);
    elbo::testing::write_bytes(later, "damaged");
    training::Saver saver(paths, settings);
    for (const std::uint64_t step : {12, 13}) {
        save(saver, step);
        const std::optional<Save> done = saver.wait();
        ASSERT_TRUE(done);
        EXPECT_EQ(done->trouble, "");
        EXPECT_EQ(done->abandoned, step == 12 ? std::vector{later} : std::vector<fs::path>());
        EXPECT_EQ(first_value(paths.latest()), static_cast<float>(step));
        EXPECT_EQ(list_checkpoints(paths), std::vector{paths.checkpoint(step)});
    }
    EXPECT_TRUE(fs::exists(later.string() + ".abandoned"));
}

TEST_F(SaverTest, TheImageOfAFailedSaveCanBeWrittenAgain) {
    training::Saver saver(paths, {});
    fs::rename(paths.checkpoints(), folder / "elsewhere");
    save(saver, 4, true);
    std::optional<Save> failed = saver.wait();
    ASSERT_TRUE(failed);
    EXPECT_NE(failed->trouble, "");
    fs::rename(folder / "elsewhere", paths.checkpoints());
    failed->trouble.clear();
    saver.write(*failed);
    EXPECT_EQ(saver.wait()->trouble, "");
    EXPECT_EQ(fs::read_symlink(paths.best()), "step-00000004.h5");
    EXPECT_EQ(first_value(paths.best()), 4);
}

TEST_F(SaverTest, GuessesItsTimeUntilItKnowsIt) {
    training::Saver saver(paths, {});
    EXPECT_NEAR(saver.expected_seconds(500'000'000), 10, 1);
    save(saver, 1);
    saver.wait();
    EXPECT_LT(saver.expected_seconds(500'000'000), 5);
    EXPECT_GT(saver.expected_seconds(500'000'000), 0);
}

} // namespace
