// IDX to HDF5: every element type, folders, gzip, and each refusal.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "support/files.hpp"

#include <zlib.h>

#include <cstring>

namespace elbo::convert {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
using storage::DatasetReader;
using storage::ElementType;
namespace fs = std::filesystem;

std::string big_endian(std::uint64_t value, std::size_t bytes) {
    std::string text;
    for (std::size_t i = bytes; i-- > 0;) text += static_cast<char>(value >> (8 * i));
    return text;
}

std::string header(unsigned char type, const std::vector<std::uint32_t>& extents) {
    std::string text = {0, 0, static_cast<char>(type), static_cast<char>(extents.size())};
    for (const std::uint32_t extent : extents) text += big_endian(extent, 4);
    return text;
}

/// Pixels i * 7 modulo 256.
std::string images(std::uint32_t count, std::uint32_t side = 4) {
    std::string text = header(0x08, {count, side, side});
    for (std::uint32_t i = 0; i < count * side * side; ++i) text += static_cast<char>(i * 7);
    return text;
}

std::string labels(std::uint32_t count) {
    std::string text = header(0x08, {count});
    for (std::uint32_t i = 0; i < count; ++i) text += static_cast<char>(i % 10);
    return text;
}

void write_gzip(const fs::path& path, const std::string& text) {
    const gzFile file = gzopen(path.c_str(), "wb");
    ASSERT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
    ASSERT_EQ(gzclose(file), Z_OK);
}

std::vector<storage::DatasetInfo> run(const fs::path& source, const fs::path& output) {
    Request request;
    request.sources = {source.string()};
    request.output = output;
    return convert(request, {});
}

template <class T>
std::vector<T> rows_of(const fs::path& file, const std::string& dataset) {
    const DatasetReader reader(file, dataset);
    std::vector<T> out(reader.info().rows() * reader.info().row_bytes() / sizeof(T));
    reader.read_rows(0, reader.info().rows(), std::as_writable_bytes(std::span(out)));
    return out;
}

TEST(Idx, EveryElementType) {
    const TemporaryFolder folder;
    const auto convert_one = [&](unsigned char type, const std::string& values, std::uint32_t count) {
        fs::remove(folder / "out.h5");
        write_bytes(folder / "one.idx", header(type, {count, 1}) + values);
        const auto written = run(folder / "one.idx", folder / "out.h5");
        EXPECT_EQ(written.size(), 1u);
        EXPECT_EQ(written.at(0).shape, (Shape{count, 1}));
        return written.at(0).type;
    };
    const fs::path out = folder / "out.h5";
    EXPECT_EQ(convert_one(0x08, "\x01\xff", 2), ElementType::u8);
    EXPECT_EQ(rows_of<std::uint8_t>(out, "/train/x"), (std::vector<std::uint8_t>{1, 255}));
    EXPECT_EQ(convert_one(0x09, "\x01\xff", 2), ElementType::i8);
    EXPECT_EQ(rows_of<std::int8_t>(out, "/train/x"), (std::vector<std::int8_t>{1, -1}));
    EXPECT_EQ(convert_one(0x0b, "\x01\x02\xff\xfe", 2), ElementType::i16);
    EXPECT_EQ(rows_of<std::int16_t>(out, "/train/x"), (std::vector<std::int16_t>{258, -2}));
    EXPECT_EQ(convert_one(0x0c, "\x01\x02\x03\x04", 1), ElementType::i32);
    EXPECT_EQ(rows_of<std::int32_t>(out, "/train/x"), std::vector<std::int32_t>{0x01020304});
    EXPECT_EQ(convert_one(0x0d, big_endian(0x3fc00000, 4), 1), ElementType::f32);
    EXPECT_EQ(rows_of<float>(out, "/train/x"), std::vector<float>{1.5f});
    EXPECT_EQ(convert_one(0x0e, big_endian(0xc004000000000000, 8), 1), ElementType::f64);
    EXPECT_EQ(rows_of<double>(out, "/train/x"), std::vector<double>{-2.5});
}

TEST(Idx, AFolderPlainAndGzipped) {
    const TemporaryFolder folder;
    write_bytes(folder / "train-images-idx3-ubyte", images(3000, 30)); // several pieces of 1 MiB
    write_gzip(folder / "train-images-idx3-ubyte.gz", images(3000, 30));
    write_gzip(folder / "train-labels-idx1-ubyte.gz", labels(3000));
    write_gzip(folder / "t10k-images.idx3-ubyte.gz", images(2));
    write_bytes(folder / "notes.txt", std::string_view("not data"));

    std::vector<std::size_t> told;
    Request request;
    request.sources = {folder.path().string()};
    request.output = folder / "new" / "folder" / "out.h5";
    const auto written = convert(request, [&](std::size_t done, std::size_t total) {
        EXPECT_EQ(total, 3002u);
        told.push_back(done);
    });
    EXPECT_EQ(told.back(), 3002u);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
    EXPECT_GE(told.size(), 4u); // pieces of 1 MiB
    ASSERT_EQ(written.size(), 3u);
    EXPECT_EQ(written[0].name, "/test/x");
    EXPECT_EQ(written[1].name, "/train/x");
    EXPECT_EQ(written[1].shape, (Shape{3000, 30, 30}));
    EXPECT_EQ(written[2].name, "/train/y");
    const std::string expected = images(3000, 30).substr(16);
    const auto found = rows_of<char>(request.output, "/train/x");
    EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), expected.end()));
    EXPECT_EQ(rows_of<std::uint8_t>(request.output, "/train/y")[2999], 9);
}

TEST(Idx, ASingleFileOfLabels) {
    const TemporaryFolder folder;
    write_bytes(folder / "anything", labels(10));
    const auto written = run(folder / "anything", folder / "out.h5");
    ASSERT_EQ(written.size(), 1u);
    EXPECT_EQ(written[0].name, "/train/y");
}

/// Converts a file of this content; returns the refusal, and sees that nothing is left.
std::string refusal(const std::string& content, bool gzip = false) {
    const TemporaryFolder folder;
    const fs::path source = folder / "data-idx";
    if (gzip) {
        write_gzip(source, content);
    } else {
        write_bytes(source, content);
    }
    const std::string message = message_of<InputError>([&] { run(source, folder / "out.h5"); });
    EXPECT_CONTAINS(message, source.string());
    EXPECT_EQ(folder.names(), std::vector<std::string>{"data-idx"});
    return message;
}

TEST(Idx, RefusesWrongHeaders) {
    EXPECT_CONTAINS(refusal("hello, world"), "begins with bytes 68 65 6c 6c");
    EXPECT_CONTAINS(refusal(header(0x0a, {2, 2}) + "abcd"), "element type 0a");
    EXPECT_CONTAINS(refusal(header(0x08, {})), "0 dimensions, expected 1 to 8");
    EXPECT_CONTAINS(refusal(header(0x08, {1, 1, 1, 1, 1, 1, 1, 1, 1}) + "a"), "9 dimensions");
    EXPECT_CONTAINS(refusal(header(0x08, {2, 0}) + "ab"), "is empty (2 x 0");
    EXPECT_CONTAINS(refusal(header(0x08, {2, 2}).substr(0, 10)), "ends within its header");
    EXPECT_CONTAINS(refusal(""), "ends within its header");
    EXPECT_CONTAINS(refusal(header(0x0e, {~0u, ~0u, ~0u}) + "abc"), "more than any file holds");
    EXPECT_CONTAINS(refusal(header(0x08, {60000, 28, 28}) + "abc", true), "gzipped bytes can hold");
}

TEST(Idx, RefusesWrongLengths) {
    const std::string cut = refusal(images(10).substr(0, 100));
    EXPECT_CONTAINS(cut, "has 100 bytes, expected 176 for 10 x 4 x 4 elements");
    EXPECT_CONTAINS(cut, "cut short");
    EXPECT_CONTAINS(refusal(images(10) + "x"), "has 177 bytes, expected 176");
    EXPECT_CONTAINS(refusal(images(10).substr(0, 100), true), "holds 84 bytes of elements, expected 160");
    EXPECT_CONTAINS(refusal(images(10) + "x", true), "more bytes follow");
}

TEST(Idx, RefusesDamagedGzip) {
    const TemporaryFolder folder;
    write_gzip(folder / "whole", images(500, 28));
    const std::string whole = elbo::testing::bytes_of_file(folder / "whole");
    for (std::size_t i = 1; i < 20; ++i) {
        EXPECT_CONTAINS(refusal(whole.substr(0, 10 + i * (whole.size() - 10) / 21)), "data-idx");
        std::string damaged = whole;
        // Behind gzip's header: in the stream or its checksum.
        const std::size_t place = 10 + i * (whole.size() - 15) / 20;
        damaged[place] = static_cast<char>(damaged[place] ^ 0x20);
        EXPECT_CONTAINS(refusal(damaged), "data-idx");
    }
    std::string wrong_sum = whole;
    wrong_sum[whole.size() - 6] = static_cast<char>(wrong_sum[whole.size() - 6] ^ 1);
    EXPECT_CONTAINS(refusal(wrong_sum), "gzip stream is damaged");
    EXPECT_CONTAINS(refusal(whole.substr(0, whole.size() - 20)), "damaged or cut short");
}

TEST(Idx, RefusesFoldersThatDoNotFit) {
    const TemporaryFolder folder, out;
    const auto message = [&] { return message_of<InputError>([&] { run(folder.path(), out / "out.h5"); }); };
    EXPECT_CONTAINS(message(), "in no format known");
    write_bytes(folder / "train-labels-idx1-ubyte", labels(9));
    EXPECT_CONTAINS(message(), "no file named like train-images-idx3-ubyte");
    write_bytes(folder / "train-images-idx3-ubyte", images(10));
    EXPECT_CONTAINS(message(), "train-labels-idx1-ubyte: holds 9 labels, expected 10");
    write_bytes(folder / "train-labels-idx1-ubyte", labels(10));
    write_bytes(folder / "emnist-train-images-idx3-ubyte", images(10));
    EXPECT_CONTAINS(message(), "which file to take is not clear");
    EXPECT_TRUE(out.names().empty());
}

TEST(Idx, Mnist) {
    const char* given = std::getenv("ELBO_TEST_DATA");
    const fs::path data = given != nullptr ? fs::path(given) : fs::path(ELBO_SOURCE_DIR) / ".." / "shared" / "data";
    if (!fs::exists(data / "mnist")) GTEST_SKIP() << "no MNIST in " << data << "; ELBO_TEST_DATA says where it is";
    const TemporaryFolder folder;
    const auto written = run(data / "mnist", folder / "mnist.h5");
    ASSERT_EQ(written.size(), 4u);
    EXPECT_EQ(written[0].shape, (Shape{10000, 28, 28}));
    EXPECT_EQ(written[1].shape, (Shape{10000}));
    EXPECT_EQ(written[2].shape, (Shape{60000, 28, 28}));
    EXPECT_EQ(written[3].shape, (Shape{60000}));
    EXPECT_EQ(rows_of<std::uint8_t>(folder / "mnist.h5", "/train/y")[0], 5);
    EXPECT_EQ(rows_of<std::uint8_t>(folder / "mnist.h5", "/test/y")[0], 7);
    double sum = 0;
    const auto pixels = rows_of<std::uint8_t>(folder / "mnist.h5", "/train/x");
    for (const std::uint8_t pixel : pixels) sum += pixel;
    // The mean that everybody normalises MNIST by, known to four digits.
    EXPECT_NEAR(sum / 255 / static_cast<double>(pixels.size()), 0.1307, 1e-4);
}

} // namespace
} // namespace elbo::convert
