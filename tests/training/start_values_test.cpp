// Starting from another run's values: which file is meant, what is taken from it, and what is refused.
#include "training/start_values.hpp"

#include "base/error.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"
#include "training/run_folder.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace elbo::training {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
namespace fs = std::filesystem;

struct Array {
    std::string path;
    Shape shape;
};

const std::vector<Array> model = {
    {"encoder/dense1/weight", {3, 2}},       {"encoder/dense1/bias", {3}}, {"encoder/mean/weight", {1, 3}},
    {"encoder/log_variance/weight", {1, 3}}, {"encoder/mean/bias", {1}},   {"encoder/log_variance/bias", {1}},
    {"decoder/output/weight", {2, 1}},       {"decoder/output/bias", {2}}, {"likelihood/log_variance", Shape{1}},
};

layers::ParameterTable table_of(const std::vector<Array>& arrays) {
    layers::ParameterTable table;
    for (const Array& array : arrays) {
        table.align();
        table.add(array.path, array.shape, {});
    }
    return table;
}

/// A checkpoint whose parameters are `first`, first + 1 ... in the order of the arrays, with an optimiser's state.
void write_checkpoint(const fs::path& file, const std::vector<Array>& arrays, float first = 100) {
    std::size_t size = 0;
    for (const Array& array : arrays) size += elements(array.shape);
    std::vector<float> values(size), state(size, -1.0f);
    std::iota(values.begin(), values.end(), first);
    std::vector<storage::NamedArray<const float>> named;
    std::size_t at = 0;
    for (const Array& array : arrays) {
        const std::size_t count = elements(array.shape);
        named.push_back({"/parameters/" + array.path, array.shape, std::span(values).subspan(at, count)});
        named.push_back({"/optimizer/mean/" + array.path, array.shape, std::span(state).subspan(at, count)});
        at += count;
    }
    fs::create_directories(file.parent_path());
    elbo::testing::write_bytes(file, storage::checkpoint_image(named, {}));
}

/// The values that the paths' parameters have after take_values(), -7 being what was there before.
std::vector<float> taken_into(const std::vector<Array>& ours, const StartFrom& from, Taken* taken = nullptr) {
    const layers::ParameterTable table = table_of(ours);
    std::vector<float> values(table.size(), -7.0f), own;
    const Taken result = take_values(from, table, values);
    if (taken != nullptr) *taken = result;
    std::vector<bool> owned(values.size());
    for (const layers::Parameter& p : table.all()) {
        for (std::size_t i = p.offset; i < p.offset + p.size; ++i) {
            own.push_back(values[i]);
            owned[i] = true;
        }
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        EXPECT_TRUE(owned[i] || values[i] == -7.0f) << "a gap was written";
    }
    return own;
}

TEST(ResolveStart, TakesARunsBestElseItsLatestElseItsNewest) {
    const TemporaryFolder folder;
    const RunPaths run{folder / "run"};
    fs::create_directories(run.checkpoints());
    const std::string text = run.folder.string();
    for (const std::uint64_t step : {9, 10, 123456789}) elbo::testing::write_bytes(run.checkpoint(step), "x");
    elbo::testing::write_bytes(run.checkpoints() / "step-99999999.h5.tmp", "x");
    EXPECT_EQ(resolve_start(text).file, run.checkpoint(123456789));
    storage::replace_link(run.latest(), "step-00000010.h5");
    EXPECT_EQ(resolve_start(text).file, run.checkpoint(10));
    storage::replace_link(run.best(), "step-00000009.h5");
    EXPECT_EQ(resolve_start(text).file, run.checkpoint(9));
    EXPECT_EQ(resolve_start(text).part, "");
    // What a link stood for may have been removed.
    fs::remove(run.checkpoint(9));
    EXPECT_EQ(resolve_start(text).file, run.checkpoint(10));
    fs::remove(run.checkpoint(10));
    EXPECT_EQ(resolve_start(text + "/").file.filename(), "step-123456789.h5");
    // A copy has a file where the run has a link.
    fs::remove(run.best());
    elbo::testing::write_bytes(run.best(), "x");
    EXPECT_EQ(resolve_start(text).file, run.best());
}

TEST(ResolveStart, CutsOffAPartAndNoOtherColon) {
    const TemporaryFolder folder;
    for (const char* name : {"a.h5", "b:c", "d:encoder"}) elbo::testing::write_bytes(folder / name, "x");
    const auto resolve = [&](const std::string& text) {
        const StartFrom from = resolve_start((folder / text).string());
        return std::pair{from.file.filename().string(), from.part};
    };
    using Pair = std::pair<std::string, std::string>;
    EXPECT_EQ(resolve("a.h5"), (Pair{"a.h5", ""}));
    EXPECT_EQ(resolve("a.h5:encoder"), (Pair{"a.h5", "encoder"}));
    EXPECT_EQ(resolve("a.h5:decoder"), (Pair{"a.h5", "decoder"}));
    EXPECT_EQ(resolve("b:c"), (Pair{"b:c", ""}));
    EXPECT_EQ(resolve("b:c:decoder"), (Pair{"b:c", "decoder"}));
    EXPECT_EQ(resolve("d:encoder:decoder"), (Pair{"d:encoder", "decoder"}));
    fs::create_directories(folder / "run/checkpoints");
    elbo::testing::write_bytes(folder / "run/checkpoints/step-00000001.h5", "x");
    EXPECT_EQ(resolve("run:encoder"), (Pair{"step-00000001.h5", "encoder"}));
}

TEST(ResolveStart, SaysWhatIsMissing) {
    const TemporaryFolder folder;
    const auto message = [](const std::string& text) { return message_of<InputError>([&] { resolve_start(text); }); };
    EXPECT_CONTAINS(message((folder / "none").string()), "there is no run or checkpoint " + (folder / "none").string());
    EXPECT_CONTAINS(message((folder / "none:encoders").string()), "none:encoders");
    EXPECT_CONTAINS(message(folder.path().string()), folder.path().string() + " holds no checkpoint of a run");
    EXPECT_CONTAINS(message(""), "names no run");
    EXPECT_CONTAINS(message(":encoder"), "\":encoder\" names no run");
}

TEST(TakeValues, TakesAllOfAModel) {
    const TemporaryFolder folder;
    write_checkpoint(folder / "c.h5", model);
    Taken taken;
    std::vector<float> expected(22);
    std::iota(expected.begin(), expected.end(), 100.0f);
    EXPECT_EQ(taken_into(model, {folder / "c.h5", ""}, &taken), expected);
    EXPECT_EQ(taken.file, (folder / "c.h5").string());
    EXPECT_EQ(taken.values, 22u);
    ASSERT_EQ(taken.arrays.size(), model.size());
    for (std::size_t i = 0; i < model.size(); ++i) {
        EXPECT_EQ(taken.arrays[i].path, model[i].path);
        EXPECT_EQ(taken.arrays[i].shape, model[i].shape);
    }
}

/// The other part of the file may be of any other model.
TEST(TakeValues, TakesAPartAndLeavesTheRestAlone) {
    const TemporaryFolder folder;
    std::vector<Array> other = model;
    other[6].shape = {7, 2};
    other.push_back({"decoder/dense1/weight", {4, 4}});
    write_checkpoint(folder / "encoder.h5", other);
    std::vector<float> expected(22, -7.0f);
    std::iota(expected.begin(), expected.begin() + 17, 100.0f);
    Taken taken;
    EXPECT_EQ(taken_into(model, {folder / "encoder.h5", "encoder"}, &taken), expected);
    EXPECT_EQ(taken.arrays.size(), 6u);
    EXPECT_EQ(taken.values, 17u);

    other = model;
    other[0].shape = {1, 1};
    other.erase(other.begin() + 1);
    write_checkpoint(folder / "decoder.h5", other, 0);
    expected.assign(22, -7.0f);
    std::iota(expected.begin() + 17, expected.end(), 9.0f); // after 1 + 3 + 3 + 1 + 1 of the encoder
    EXPECT_EQ(taken_into(model, {folder / "decoder.h5", "decoder"}, &taken), expected);
    ASSERT_EQ(taken.arrays.size(), 3u);
    EXPECT_EQ(taken.arrays.back().path, "likelihood/log_variance");
}

TEST(TakeValues, ListsAllThatDiffers) {
    const TemporaryFolder folder;
    std::vector<Array> other = model;
    other[0].shape = {2, 3};
    other[1].path = "encoder/dense2/bias";
    other.pop_back();
    write_checkpoint(folder / "c.h5", other);
    const auto message = [&](const std::string& part) {
        return message_of<InputError>([&] { taken_into(model, {folder / "c.h5", part}); });
    };
    const std::string all = message("");
    EXPECT_CONTAINS(all, (folder / "c.h5").string() + " does not fit this model (whole model):");
    EXPECT_CONTAINS(all, "\n  encoder/dense1/weight: 3 x 2 in this model, 2 x 3 in the file\n");
    EXPECT_CONTAINS(all, "\n  encoder/dense1/bias: 3 in this model, not in the file\n");
    EXPECT_CONTAINS(all, "\n  encoder/dense2/bias: not in this model, 3 in the file\n");
    EXPECT_CONTAINS(all, "\n  likelihood/log_variance: 1 in this model, not in the file\n");
    EXPECT_FALSE(elbo::testing::contains(all, "mean")) << all;
    const std::string encoder = message("encoder");
    EXPECT_CONTAINS(encoder, "this model (encoder):");
    EXPECT_CONTAINS(encoder, "encoder/dense2/bias");
    EXPECT_FALSE(elbo::testing::contains(encoder, "likelihood")) << encoder;
    const std::string decoder = message("decoder");
    EXPECT_CONTAINS(decoder, "likelihood/log_variance");
    EXPECT_FALSE(elbo::testing::contains(decoder, "encoder/")) << decoder;
}

TEST(TakeValues, RefusesWhatIsNotFiniteOrNoCheckpoint) {
    const TemporaryFolder folder;
    write_checkpoint(folder / "c.h5", model, std::numeric_limits<float>::infinity());
    const std::string infinite = message_of<InputError>([&] { taken_into(model, {folder / "c.h5", "decoder"}); });
    EXPECT_CONTAINS(infinite, "c.h5: decoder/output/weight holds infinite or NaN values");
    elbo::testing::write_bytes(folder / "text", "seed: 1\n");
    EXPECT_CONTAINS(message_of<InputError>([&] { taken_into(model, {folder / "text", ""}); }), "no checkpoint");
}

TEST(TakeValues, IsDescribedInALineAndArrayByArray) {
    const Taken all{"runs/a/checkpoints/step-00001000.h5",
                    "",
                    {{"encoder/dense1/weight", {400, 784}}, {"encoder/dense1/bias", {400}}},
                    314000};
    EXPECT_EQ(describe_taken(all), "runs/a/checkpoints/step-00001000.h5: whole model, 2 arrays, 314,000 values");
    EXPECT_EQ(describe_arrays(all), "  encoder/dense1/weight  400 x 784\n  encoder/dense1/bias    400");
    EXPECT_EQ(describe_taken(Taken{"a.h5", "encoder", {}, 0}), "a.h5: encoder, 0 arrays, 0 values");
}

} // namespace
} // namespace elbo::training
