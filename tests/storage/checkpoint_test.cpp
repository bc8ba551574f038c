// Checkpoints: round trip, the same bytes for the same content, and every damage refused before HDF5 sees it.
#include "storage/checkpoint.hpp"

#include "base/error.hpp"
#include "storage/files.hpp"
#include "support/files.hpp"

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

} // namespace
} // namespace elbo::storage
