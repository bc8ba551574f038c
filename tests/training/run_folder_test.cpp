// What a run's folder keeps, and a state's way through a checkpoint.
#include "storage/checkpoint.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"
#include "training/run_folder.hpp"
#include "training/state.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>

namespace {

using namespace elbo;
using elbo::testing::TemporaryFolder;
namespace fs = std::filesystem;

/// A state in which no two members are alike.
training::State distinct_state() {
    training::State state;
    state.step = 1;
    state.epoch = 2;
    state.position = 3;
    state.epoch_sum = {4.5, 5.5, 6};
    state.line_sum = {7.5, 8.5, 9};
    state.best = -10.25;
    state.best_epoch = 11;
    state.waited = 12;
    state.plateau.best = -13.5;
    state.plateau.waited = 14;
    state.plateau.reductions = 15;
    state.plateau.any = true;
    state.rate = 19.5;
    state.kl_weight = 20.5;
    state.skipped = 21;
    state.skipped_in_row = 22;
    state.seconds = 16.5;
    state.metrics_bytes = 17;
    state.virtual_ranks = 18;
    return state;
}

std::vector<std::string> checkpoint_names(const training::RunPaths& paths) {
    std::vector<std::string> names;
    for (const fs::path& path : training::list_checkpoints(paths)) names.push_back(path.filename().string());
    return names;
}

TEST(State, ReadsBackFromACheckpointWhole) {
    const TemporaryFolder folder;
    const training::State state = distinct_state();
    const std::array<float, 2> values = {1, 2};
    const std::array arrays = {storage::NamedArray<const float>{"/parameters/x", {2}, values}};
    storage::CheckpointText text;
    text.state = training::to_attributes(state);
    storage::write_whole(folder / "c.h5", storage::checkpoint_image(arrays, text));
    const training::State again = training::from_attributes(storage::CheckpointReader(folder / "c.h5"));
    EXPECT_EQ(training::to_attributes(again), text.state);
    EXPECT_EQ(again.plateau.any, true);
    EXPECT_EQ(again.line_sum.samples, 9U);
}

TEST(RunFolder, ChecksAreOrderedByStepBeyondEightDigits) {
    const TemporaryFolder folder;
    const training::RunPaths paths{folder.path()};
    fs::create_directories(paths.checkpoints());
    for (const std::uint64_t step : {123456789ULL, 20ULL, 99999999ULL})
        elbo::testing::write_bytes(paths.checkpoint(step), "x");
    for (const char* other : {"latest.h5", "step-.h5", "step-12x.h5", ".step-00000001.h5.tmp-4"})
        elbo::testing::write_bytes(paths.checkpoints() / other, "x");
    EXPECT_EQ(checkpoint_names(paths),
              (std::vector<std::string>{"step-00000020.h5", "step-99999999.h5", "step-123456789.h5"}));
}

TEST(RunFolder, OldCheckpointsGoButTheBestStays) {
    const TemporaryFolder folder;
    const training::RunPaths paths{folder.path()};
    fs::create_directories(paths.checkpoints());
    for (std::uint64_t step = 1; step <= 6; ++step) elbo::testing::write_bytes(paths.checkpoint(step), "x");
    storage::replace_link(paths.best(), "step-00000002.h5");
    training::remove_old_checkpoints(paths, 6, 2);
    EXPECT_EQ(checkpoint_names(paths),
              (std::vector<std::string>{"step-00000002.h5", "step-00000005.h5", "step-00000006.h5"}));
}

TEST(RunFolder, CheckpointsOfLaterStepsThanTheLastSaveCountForNothing) {
    const TemporaryFolder folder;
    const training::RunPaths paths{folder.path()};
    fs::create_directories(paths.checkpoints());
    for (const std::uint64_t step : {8, 10, 12, 15, 100'000'000})
        elbo::testing::write_bytes(paths.checkpoint(step), "x");
    training::remove_old_checkpoints(paths, 12, 1);
    EXPECT_EQ(checkpoint_names(paths),
              (std::vector<std::string>{"step-00000012.h5", "step-00000015.h5", "step-100000000.h5"}));
}

TEST(RunFolder, CheckpointsOfLaterStepsAreSetAsideButTheBestStays) {
    const TemporaryFolder folder;
    const training::RunPaths paths{folder.path()};
    fs::create_directories(paths.checkpoints());
    for (const std::uint64_t step : {10, 12, 15, 18}) elbo::testing::write_bytes(paths.checkpoint(step), "x");
    storage::replace_link(paths.best(), "step-00000018.h5");
    EXPECT_EQ(training::set_aside_abandoned(paths, 12), std::vector<fs::path>{paths.checkpoint(15)});
    EXPECT_EQ(checkpoint_names(paths),
              (std::vector<std::string>{"step-00000010.h5", "step-00000012.h5", "step-00000018.h5"}));
    EXPECT_TRUE(fs::exists(paths.checkpoints() / "step-00000015.h5.abandoned"));
    EXPECT_TRUE(training::set_aside_abandoned(paths, 18).empty());
}

TEST(RunFolder, AFolderMayBeNamedWithASlashBehind) {
    for (const char* name : {"runs/a", "runs/a/", "runs/a//"})
        EXPECT_EQ(training::RunPaths{name}.folder.string(), "runs/a") << name;
    EXPECT_EQ(training::RunPaths{"/"}.folder.string(), "/");
    EXPECT_EQ(training::RunPaths{"./"}.folder.string(), ".");
}

TEST(RunFolder, MovesAsideToTheFirstFreeNumber) {
    const TemporaryFolder folder;
    fs::create_directories(folder / "run.1");
    fs::create_directories(folder / "run");
    EXPECT_EQ(training::move_aside(folder / "run"), folder / "run.2");
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"run.1", "run.2"}));
}

TEST(RunFolder, FinishedByEpochsOrPatience) {
    config::Training training;
    training.epochs = 5;
    training::State state;
    state.epoch = 4;
    EXPECT_FALSE(training::finished(state, training));
    state.epoch = 5;
    EXPECT_TRUE(training::finished(state, training));
    state.epoch = 4;
    training.patience = 2;
    state.waited = 2;
    EXPECT_FALSE(training::finished(state, training)) << "nothing was validated yet";
    state.best_epoch = 2;
    EXPECT_TRUE(training::finished(state, training));
}

} // namespace
