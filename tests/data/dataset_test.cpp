// Datasets in memory: scaling by type, statistics, fingerprints, refusals; batches as the model sees them.
#include "base/error.hpp"
#include "data/dataset.hpp"
#include "data/loader.hpp"
#include "support/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace elbo;
using elbo::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class T>
storage::Location write(const TemporaryFolder& folder, const std::string& name, storage::ElementType type,
                        const Shape& shape, const std::vector<T>& values) {
    const storage::Location location{folder.path() / name, "/x"};
    storage::DatasetFileWriter writer(location.file);
    writer.create("/x", shape, type);
    writer.write_rows("/x", 0, shape[0], std::as_bytes(std::span(values)));
    writer.commit();
    return location;
}

std::string refusal(const storage::Location& location) {
    return elbo::testing::message_of<InputError>([&] { const data::Dataset dataset(location, std::nullopt); });
}

TEST(Dataset, BytesScaleToUnitRangeAndKeepTheirType) {
    const TemporaryFolder folder;
    const std::vector<std::uint8_t> values = {0, 255, 51, 102, 255, 0};
    const data::Dataset dataset(write(folder, "a.h5", storage::ElementType::u8, {2, 3}, values), std::nullopt);
    EXPECT_EQ(dataset.bytes(), 6U);
    EXPECT_EQ(dataset.dimensions(), 3U);
    EXPECT_EQ(dataset.least(), 0);
    EXPECT_NEAR(dataset.greatest(), 1, 1e-7);
    EXPECT_NEAR(dataset.mean()[0], 51 / 255.0, 1e-7);
    EXPECT_NEAR(dataset.mean()[1], 0.5 + 127.5 / 255.0, 1e-7);
    EXPECT_TRUE(dataset.grey());

    std::vector<float> out(3);
    dataset.fetch(dataset.at(1).bytes);
    dataset.convert(dataset.at(1).bytes, out);
    EXPECT_FLOAT_EQ(out[0], 0.4F);
    EXPECT_FLOAT_EQ(out[1], 1.0F);
    EXPECT_FLOAT_EQ(out[2], 0.0F);
}

TEST(Dataset, BinaryValuesAreNotGrey) {
    const TemporaryFolder folder;
    const std::vector<std::uint8_t> bytes = {0, 255, 255, 0};
    EXPECT_FALSE(data::Dataset(write(folder, "a.h5", storage::ElementType::u8, {2, 2}, bytes), {}).grey());
    const std::vector<float> floats = {0, 1, 1, 0};
    EXPECT_FALSE(data::Dataset(write(folder, "b.h5", storage::ElementType::f32, {2, 2}, floats), {}).grey());
}

TEST(Dataset, FloatsStayAsTheyAreUnlessScaled) {
    const TemporaryFolder folder;
    const std::vector<float> values = {-2, 4, 6, 8};
    const storage::Location location = write(folder, "a.h5", storage::ElementType::f32, {2, 2}, values);
    EXPECT_EQ(data::Dataset(location, std::nullopt).least(), -2);
    const data::Dataset negated(location, -0.5);
    EXPECT_EQ(negated.least(), -4);
    EXPECT_EQ(negated.greatest(), 1);
    EXPECT_EQ(negated.mean()[0], -1);
}

TEST(Dataset, MeansAreExactOverManyBlocks) {
    const TemporaryFolder folder;
    constexpr std::size_t rows = 10001;
    std::vector<std::uint16_t> values(rows);
    for (std::size_t i = 0; i < rows; ++i) values[i] = static_cast<std::uint16_t>(i * 6);
    const data::Dataset dataset(write(folder, "a.h5", storage::ElementType::u16, {rows, 1}, values), 1.0);
    EXPECT_EQ(dataset.mean()[0], 30000);
}

TEST(Dataset, FingerprintIsOfContentsTypeAndShape) {
    const TemporaryFolder folder;
    const std::vector<std::uint8_t> values = {1, 2, 3, 4};
    std::vector<std::uint8_t> other = values;
    other[3] = 5;
    const auto print = [&](const char* name, storage::ElementType type, const Shape& shape, const auto& data) {
        return data::Dataset(write(folder, name, type, shape, data), std::nullopt).fingerprint();
    };
    const std::string first = print("a.h5", storage::ElementType::u8, {2, 2}, values);
    EXPECT_EQ(first.size(), 16U);
    EXPECT_EQ(first, print("moved.h5", storage::ElementType::u8, {2, 2}, values));
    EXPECT_NE(first, print("c.h5", storage::ElementType::u8, {2, 2}, other));
    EXPECT_NE(first, print("d.h5", storage::ElementType::u8, {4, 1}, values));
    EXPECT_NE(first, print("e.h5", storage::ElementType::i8, {2, 2}, values));
}

TEST(Dataset, NamesTheRowThatIsNotFinite) {
    const TemporaryFolder folder;
    std::vector<float> values(12, 0.5F);
    values[7] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(refusal(write(folder, "a.h5", storage::ElementType::f32, {4, 3}, values)),
                AllOf(HasSubstr("a.h5:/x"), HasSubstr("row 2"), HasSubstr("NaN"), HasSubstr("element 1")));
    values[7] = std::numeric_limits<float>::infinity();
    EXPECT_THAT(refusal(write(folder, "b.h5", storage::ElementType::f32, {4, 3}, values)), HasSubstr("infinity"));
}

TEST(Loader, ReadsSamplesOfAFileInItsOrder) {
    const TemporaryFolder folder;
    std::vector<std::uint16_t> values(1000 * 700); // several stretches of 1 MiB
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(31 * i);
    const storage::Location location = write(folder, "a.h5", storage::ElementType::u16, {1000, 700}, values);
    const data::Dataset whole(location, std::nullopt);
    const auto source = std::make_shared<data::Source>(storage::DatasetReader(location.file, location.dataset));
    const data::Facts facts = data::survey(whole.info(), data::stored_one(whole.info().type, {}),
                                           [&, piece = std::vector<std::byte>()](data::Range rows) mutable {
                                               piece.resize(rows.size() * 1400);
                                               source->read(rows, piece);
                                               return std::span<const std::byte>(piece);
                                           });
    const data::Dataset left(source, facts, std::nullopt);
    EXPECT_FALSE(left.in_memory());
    EXPECT_EQ(left.fingerprint(), whole.fingerprint());
    EXPECT_EQ(std::vector(left.mean().begin(), left.mean().end()),
              std::vector(whole.mean().begin(), whole.mean().end()));
    data::Loader from_memory(whole, data::Binarize::dynamic, 64), from_file(left, data::Binarize::dynamic, 64);
    const std::uint64_t before = source->bytes_read();
    for (std::uint64_t begin = 0; begin < 1000; begin += 64) {
        const data::Range range = data::batch_at(begin, 1000, 64);
        const data::Rows a = from_memory.take(range, Stream{}), b = from_file.take(range, Stream{});
        ASSERT_EQ(std::vector(a.samples.begin(), a.samples.end()), std::vector(b.samples.begin(), b.samples.end()));
        for (std::size_t row = 0; row < a.x.rows(); ++row)
            for (std::size_t j = 0; j < 700; ++j) ASSERT_EQ(a.x(row, j), b.x(row, j));
    }
    EXPECT_LT(source->bytes_read() - before, 1.2 * 1000 * 1400) << "neighbouring batches share a read";
}

TEST(Loader, BinarisesByAddressNotByBatch) {
    const TemporaryFolder folder;
    const std::vector<float> values(50 * 8, 0.5F);
    const data::Dataset dataset(write(folder, "a.h5", storage::ElementType::f32, {50, 8}, values), std::nullopt);
    data::Loader loader(dataset, data::Binarize::dynamic, 50);
    const Stream noise{1, Purpose::binarize, 4};
    const data::EpochOrder order(1, 4, 50);

    const data::Rows rows = loader.take({0, 50}, order, noise);
    std::vector<float> all(rows.x.data(), rows.x.data() + 50 * 8);
    const std::vector<std::uint64_t> samples(rows.samples.begin(), rows.samples.end());
    double ones = 0;
    for (const float x : all) {
        ASSERT_TRUE(x == 0 || x == 1);
        ones += x;
    }
    EXPECT_NEAR(ones / 400, 0.5, 5 * 0.5 / 20); // five standard deviations of the mean of 400 coins
    const data::Rows later = loader.take({30, 40}, order, noise);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(later.samples[i], samples[30 + i]);
        for (std::size_t j = 0; j < 8; ++j) EXPECT_EQ(later.x(i, j), all[(30 + i) * 8 + j]);
    }
}

TEST(Loader, ThresholdsAtOneHalf) {
    const TemporaryFolder folder;
    const std::vector<float> values = {0, 0.49F, 0.5F, 1};
    const data::Dataset dataset(write(folder, "a.h5", storage::ElementType::f32, {1, 4}, values), std::nullopt);
    data::Loader loader(dataset, data::Binarize::threshold, 1);
    const data::Rows rows = loader.take({0, 1}, Stream{});
    EXPECT_THAT(rows.x.row(0), ElementsAre(0, 0, 1, 1));
}

TEST(Loader, RefusesToBinariseValuesThatAreNoProbabilities) {
    const TemporaryFolder folder;
    const std::vector<float> values = {0, 200};
    const data::Dataset dataset(write(folder, "a.h5", storage::ElementType::f32, {1, 2}, values), std::nullopt);
    EXPECT_THROW(data::Loader(dataset, data::Binarize::dynamic, 1), InputError);
    EXPECT_NO_THROW(data::Loader(dataset, data::Binarize::none, 1));
}

} // namespace
