// Checkpoints: round trip, the same bytes for the same content, and every damage refused before HDF5 sees it.
#include "storage/checkpoint.hpp"

#include "base/error.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <thread>

namespace elbo::storage {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
namespace fs = std::filesystem;

struct Content {
    std::vector<float> weight, bias, moment;
    CheckpointText text;
    std::vector<NamedArray<const float>> arrays;
};

Content content() {
    Content made;
    made.weight.resize(300 * 200);
    std::iota(made.weight.begin(), made.weight.end(), -1000.5f);
    made.bias = {0.f, -0.f, 1e-42f, std::numeric_limits<float>::infinity(), 3.25f};
    made.moment.resize(7, 0.125f);
    made.text.state = {{"step", std::int64_t{1407}},
                       {"best", -98.21348762348},
                       {"smallest", std::numeric_limits<std::int64_t>::min()},
                       {"note", std::string("größer")},
                       {"empty", std::string()},
                       {"long", std::string(200'000, 'l')}};
    made.text.configuration = "seed: 1\noutput: runs/ä\n" + std::string(100'000, '#');
    made.text.series = {{"kl_by_dimension", {0.1, -0.0, std::numeric_limits<double>::denorm_min(), 1e300}},
                        {"none", {}}};
    made.text.about = {{"elbo", "0.1.0"}, {"data", "fingerprint 0123"}};
    made.arrays = {{"/parameters/encoder/dense1/weight", {300, 200}, made.weight},
                   {"/parameters/encoder/dense1/bias", {5}, made.bias},
                   {"/optimizer/m/encoder/dense1/bias", {1, 7}, made.moment}};
    return made;
}

TEST(Checkpoint, RoundTrip) {
    const TemporaryFolder folder;
    const Content made = content();
    write_whole(folder / "c.h5", checkpoint_image(made.arrays, made.text));
    EXPECT_TRUE(is_checkpoint(folder / "c.h5"));

    const CheckpointReader reader(folder / "c.h5");
    EXPECT_EQ(reader.text().state, made.text.state);
    EXPECT_EQ(reader.text().configuration, made.text.configuration);
    EXPECT_EQ(reader.text().about, made.text.about);
    EXPECT_EQ(reader.integer("step"), 1407);
    EXPECT_EQ(reader.number("best"), -98.21348762348);
    EXPECT_EQ(reader.string("note"), "größer");
    EXPECT_TRUE(reader.has("step"));
    EXPECT_FALSE(reader.has("steps"));
    EXPECT_FALSE(reader.has("kl_by_dimension"));
    EXPECT_EQ(reader.text().series, made.text.series);

    const std::vector<ArrayInfo> list = reader.arrays();
    ASSERT_EQ(list.size(), 3u);
    EXPECT_EQ(list[0].path, "/optimizer/m/encoder/dense1/bias");
    EXPECT_EQ(list[0].shape, (Shape{1, 7}));
    EXPECT_EQ(list[2].path, "/parameters/encoder/dense1/weight");

    std::vector<float> weight(made.weight.size()), bias(5);
    const std::vector<NamedArray<float>> wanted = {{"/parameters/encoder/dense1/weight", {300, 200}, weight},
                                                   {"/parameters/encoder/dense1/bias", {5}, bias}};
    reader.read(wanted);
    EXPECT_EQ(weight, made.weight);
    EXPECT_EQ(std::memcmp(bias.data(), made.bias.data(), 5 * sizeof(float)), 0);
}

TEST(Checkpoint, ReadersOfOneFileAreIndependent) {
    const TemporaryFolder folder;
    const Content made = content();
    write_whole(folder / "c.h5", checkpoint_image(made.arrays, made.text));
    auto first = std::make_unique<CheckpointReader>(folder / "c.h5");
    const CheckpointReader second(folder / "c.h5");
    first.reset();
    std::vector<float> weight(made.weight.size());
    const std::vector<NamedArray<float>> wanted = {{"/parameters/encoder/dense1/weight", {300, 200}, weight}};
    second.read(wanted);
    EXPECT_EQ(weight, made.weight);
    EXPECT_EQ(folder.names(), std::vector<std::string>{"c.h5"});
}

TEST(Checkpoint, TheSameContentMakesTheSameBytes) {
    const Content made = content();
    const std::vector<std::byte> first = checkpoint_image(made.arrays, made.text);
    // HDF5's own time stamps count whole seconds.
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_TRUE(first == checkpoint_image(made.arrays, made.text));

    Content other = content();
    other.bias[0] = 1e-30f;
    EXPECT_FALSE(first == checkpoint_image(other.arrays, other.text));
}

TEST(Checkpoint, IsBuiltAgainInTheSameMemory) {
    const Content made = content();
    Content other = content();
    other.text.state["step"] = std::int64_t{1408};
    other.text.series["kl_by_dimension"].resize(500, 2.5);
    other.text.configuration += "more";
    std::fill(other.weight.begin(), other.weight.end(), 7.f);
    const std::vector<std::byte> first = checkpoint_image(made.arrays, made.text);

    std::vector<std::byte> image;
    build_checkpoint(image, other.arrays, other.text);
    seal_checkpoint(image);
    EXPECT_TRUE(image == checkpoint_image(other.arrays, other.text));
    const std::byte* memory = image.data();
    // Nothing of what the memory held before is left, user block included.
    std::fill(image.begin(), image.end(), std::byte{0xee});
    build_checkpoint(image, made.arrays, made.text);
    EXPECT_EQ(image.data(), memory);
    EXPECT_EQ(image.size(), first.size());
    EXPECT_FALSE(image == first); // not sealed yet
    seal_checkpoint(image);
    EXPECT_TRUE(image == first);
}

TEST(Checkpoint, IsSealedAndVerifiedByAnyThread) {
    const TemporaryFolder folder;
    const Content made = content();
    std::vector<std::byte> image, next;
    build_checkpoint(image, made.arrays, made.text);
    std::thread writer([&] {
        seal_checkpoint(image);
        write_whole(folder / "c.h5", image);
        EXPECT_NO_THROW(verify_checkpoint(folder / "c.h5"));
    });
    build_checkpoint(next, made.arrays, made.text);
    writer.join();
    EXPECT_EQ(CheckpointReader(folder / "c.h5").integer("step"), 1407);
}

TEST(Checkpoint, IsVerifiedOnTheDisk) {
    const TemporaryFolder folder;
    // Above the size of a piece, so that pieces are put together.
    std::vector<float> values(700'000, 0.25f);
    const std::vector<NamedArray<const float>> arrays = {{"/parameters/a", {values.size()}, values}};
    const std::vector<std::byte> image = checkpoint_image(arrays, {});
    const fs::path file = folder / "c.h5";
    write_bytes(file, image);
    EXPECT_NO_THROW(verify_checkpoint(file));
    const auto damaged = [&](std::size_t place) {
        std::vector<std::byte> bytes = image;
        bytes[place] ^= std::byte{1};
        write_bytes(file, bytes);
        return message_of<Error>([&] { verify_checkpoint(file); });
    };
    for (const std::size_t place : {std::size_t{512}, std::size_t{512} + (1 << 20), image.size() - 1}) {
        const std::string message = damaged(place);
        EXPECT_CONTAINS(message, "c.h5: read back from the disk: the checkpoint is damaged: checksum ");
        EXPECT_CONTAINS(
            message,
            "its header says " +
                std::string(reinterpret_cast<const char*>(image.data()), 512)
                    .substr(std::string(reinterpret_cast<const char*>(image.data()), 512).find("128 ") + 4, 32));
    }
    EXPECT_CONTAINS(damaged(3), "header is damaged");
    EXPECT_CONTAINS(damaged(300), "header is damaged");
    write_bytes(file, std::span(image).first(1000));
    EXPECT_CONTAINS(message_of<Error>([&] { verify_checkpoint(file); }), "cut short: its header promises ");
    EXPECT_CONTAINS(message_of<Error>([&] { verify_checkpoint(folder / "none"); }), "No such file");
    EXPECT_CONTAINS(message_of<Error>([&] { verify_checkpoint(folder.path()); }), "Is a directory");
}

TEST(Checkpoint, TakesLittleMoreThanItsContent) {
    std::vector<float> values(3'000'000, 1.f);
    const std::vector<NamedArray<const float>> arrays = {{"/parameters/a", {values.size()}, values}};
    const auto image = checkpoint_image(arrays, {});
    EXPECT_LT(image.size(), values.size() * sizeof(float) + 20'000);
}

TEST(Checkpoint, RefusesWhatDoesNotFit) {
    const TemporaryFolder folder;
    const Content made = content();
    write_whole(folder / "c.h5", checkpoint_image(made.arrays, made.text));
    const CheckpointReader reader(folder / "c.h5");
    std::vector<float> values(300 * 200);
    const auto read = [&](const std::string& path, const Shape& shape) {
        const std::vector<NamedArray<float>> arrays = {{path, shape, values}};
        return message_of<InputError>([&] { reader.read(arrays); });
    };
    const std::string turned = read("/parameters/encoder/dense1/weight", {200, 300});
    EXPECT_CONTAINS(turned, "c.h5: /parameters/encoder/dense1/weight");
    EXPECT_CONTAINS(turned, "300 x 200");
    EXPECT_CONTAINS(turned, "200 x 300");
    EXPECT_CONTAINS(read("/parameters/encoder/dense2/weight", {300, 200}), "no such array");

    EXPECT_CONTAINS(message_of<InputError>([&] { reader.integer("epoch"); }), "epoch");
    EXPECT_CONTAINS(message_of<InputError>([&] { reader.integer("best"); }), "no integer");
    EXPECT_CONTAINS(message_of<InputError>([&] { reader.string("step"); }), "no text");
}

TEST(Checkpoint, RefusesWhatIsNone) {
    const TemporaryFolder folder;
    EXPECT_FALSE(is_checkpoint(folder / "none"));
    EXPECT_CONTAINS(message_of<InputError>([&] { CheckpointReader(folder / "none"); }), "No such file");
    EXPECT_THROW(CheckpointReader(folder.path()), InputError);
    write_bytes(folder / "text", std::string_view("seed: 1\n"));
    EXPECT_FALSE(is_checkpoint(folder / "text"));
    EXPECT_CONTAINS(message_of<InputError>([&] { CheckpointReader(folder / "text"); }), "no checkpoint");
    write_bytes(folder / "newer", std::string_view("elbo checkpoint\nformat 2\nbytes 7\n"));
    const std::string newer = message_of<InputError>([&] { CheckpointReader(folder / "newer"); });
    EXPECT_CONTAINS(newer, "format 2");
    EXPECT_CONTAINS(newer, "reads \"format 1\"");
    // A size that only a hostile header promises is compared with the file's before memory is taken.
    write_bytes(folder / "huge", std::string_view("elbo checkpoint\nformat 1\nbytes 18446744073709551615\nxxh3-128 "
                                                  "00000000000000000000000000000000\n"));
    EXPECT_CONTAINS(message_of<InputError>([&] { CheckpointReader(folder / "huge"); }), "cut short");
    EXPECT_CONTAINS(message_of<Error>([&] { verify_checkpoint(folder / "huge"); }), "cut short");
}

TEST(Checkpoint, EveryFlippedByteAndEveryCutIsRefused) {
    const TemporaryFolder folder;
    const Content made = content();
    const std::vector<std::byte> image = checkpoint_image(made.arrays, made.text);
    for (std::size_t i = 0; i < 100; ++i) {
        // Every second place in the user block, the others spread over the file.
        const std::size_t place = i % 2 == 0 ? i * 5 : i * (image.size() - 1) / 99;
        std::vector<std::byte> damaged = image;
        damaged[place] ^= std::byte{0x10};
        write_bytes(folder / "damaged.h5", damaged);
        EXPECT_CONTAINS(message_of<InputError>([&] { CheckpointReader(folder / "damaged.h5"); }), "damaged.h5: ");

        const std::size_t length = i % 2 == 0 ? i * 11 : i * (image.size() - 1) / 99;
        write_bytes(folder / "cut.h5", std::span(image).first(length));
        EXPECT_CONTAINS(message_of<InputError>([&] { CheckpointReader(folder / "cut.h5"); }), "cut.h5: ");
    }
    std::vector<std::byte> damaged = image;
    damaged.back() ^= std::byte{1};
    write_bytes(folder / "damaged.h5", damaged);
    EXPECT_CONTAINS(message_of<InputError>([&] { CheckpointReader(folder / "damaged.h5"); }), "damaged: checksum ");
    std::vector<std::byte> longer = image;
    longer.push_back(std::byte{0});
    write_bytes(folder / "longer.h5", longer);
    EXPECT_THROW(CheckpointReader(folder / "longer.h5"), InputError);
}

TEST(Checkpoint, ArraysMustHaveTheirShapesValues) {
    std::vector<float> values(5);
    const std::vector<NamedArray<const float>> arrays = {{"/parameters/a", {2, 3}, values}};
    EXPECT_THROW(checkpoint_image(arrays, {}), Error);
}

// data/checkpoint-format-1.h5 was made by elbo 0.1.0 as the newest checkpoint of
//     elbo convert sprites sprites.h5 --train 60 --test 20 --size 8 --seed 1
//     elbo train old.yaml
// where old.yaml is what its /configuration says but for defaults: latent 2, dense 6 both ways, Adam, 2 epochs of
// batch 20. The figures below were read from it by h5dump 1.10.8.
TEST(Checkpoint, Format1StaysReadable) {
    const CheckpointReader reader(fs::path(ELBO_SOURCE_DIR) / "tests/storage/data/checkpoint-format-1.h5");
    EXPECT_EQ(reader.integer("step"), 6);
    EXPECT_EQ(reader.integer("epoch"), 2);
    EXPECT_EQ(reader.integer("line_samples"), 120);
    EXPECT_EQ(reader.integer("virtual_ranks"), 1);
    EXPECT_EQ(reader.number("best_validation_elbo"), -8.4876760540981202);
    EXPECT_EQ(reader.number("line_reconstruction"), -1222.9017430143431);
    EXPECT_TRUE(reader.text().series.empty());
    EXPECT_EQ(reader.text().about.at("train_fingerprint"), "e74beccb9d41e209");
    EXPECT_CONTAINS(reader.text().configuration, "encoder: [{dense: 6, activation: relu}]");

    std::map<std::string, Shape> expected;
    const std::map<std::string, Shape> parameters = {
        {"encoder/dense1/weight", {6, 64}},      {"encoder/dense1/bias", {6}},
        {"encoder/mean/weight", {2, 6}},         {"encoder/mean/bias", {2}},
        {"encoder/log_variance/weight", {2, 6}}, {"encoder/log_variance/bias", {2}},
        {"decoder/dense1/weight", {6, 2}},       {"decoder/dense1/bias", {6}},
        {"decoder/output/weight", {64, 6}},      {"decoder/output/bias", {64}}};
    for (const auto& [path, shape] : parameters)
        for (const char* folder : {"/parameters/", "/optimizer/mean/", "/optimizer/variance/"})
            expected[folder + path] = shape;
    std::map<std::string, Shape> found;
    for (const ArrayInfo& array : reader.arrays()) found[array.path] = array.shape;
    EXPECT_EQ(found, expected);

    std::vector<float> mean(2), variance(6);
    const std::vector<NamedArray<float>> wanted = {{"/parameters/encoder/mean/bias", {2}, mean},
                                                   {"/optimizer/variance/decoder/dense1/bias", {6}, variance}};
    reader.read(wanted);
    EXPECT_EQ(mean, (std::vector<float>{-0.00213349285f, 0.00105283794f}));
    EXPECT_EQ(variance[5], 1.34230208e-06f);
}

} // namespace
} // namespace elbo::storage
