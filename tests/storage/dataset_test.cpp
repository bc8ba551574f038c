// Datasets: round trips, what users' files may look like, and which dataset of a file is taken.
#include "storage/dataset.hpp"

#include "base/error.hpp"
#include "storage/user_file.hpp"
#include "support/files.hpp"

#include <cstring>

namespace elbo::storage {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
namespace fs = std::filesystem;

struct TypeCase {
    ElementType type;
    const char* name;
    std::size_t bytes;
};

class EveryType : public ::testing::TestWithParam<TypeCase> {};

TEST_P(EveryType, RoundTrip) {
    const auto [type, name, bytes] = GetParam();
    EXPECT_EQ(bytes_of(type), bytes);
    EXPECT_EQ(name_of(type), name);
    const TemporaryFolder folder;
    std::vector<unsigned char> values(101 * 3 * bytes);
    // Bits that are ordinary numbers in every type: small, and no float's exponent is all ones.
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<unsigned char>((i * 37) % 61);
    const auto all = std::as_bytes(std::span(values));
    {
        DatasetFileWriter writer(folder / "d.h5");
        writer.create("/train/x", {101, 3}, type);
        writer.write_rows("/train/x", 60, 41, all.subspan(60 * 3 * bytes));
        writer.write_rows("/train/x", 0, 60, all.first(60 * 3 * bytes));
        writer.attribute("/train/x", "columns", "a, b, c");
        writer.attribute("/", "source", "test");
        writer.commit();
    }
    const DatasetReader reader(folder / "d.h5", "/train/x");
    EXPECT_EQ(reader.info().shape, (Shape{101, 3}));
    EXPECT_EQ(reader.info().type, type);
    EXPECT_EQ(reader.info().stored, name);
    EXPECT_EQ(reader.info().rows(), 101u);
    EXPECT_EQ(reader.info().row_bytes(), 3 * bytes);
    EXPECT_EQ(rows_of<unsigned char>(reader, 0, 101), values);
    const auto some = rows_of<unsigned char>(reader, 17, 5);
    EXPECT_EQ(std::memcmp(some.data(), values.data() + 17 * 3 * bytes, some.size()), 0);
    EXPECT_TRUE(rows_of<unsigned char>(reader, 101, 0).empty());
}

INSTANTIATE_TEST_SUITE_P(
    Dataset, EveryType,
    ::testing::Values(TypeCase{ElementType::u8, "uint8", 1}, TypeCase{ElementType::i8, "int8", 1},
                      TypeCase{ElementType::u16, "uint16", 2}, TypeCase{ElementType::i16, "int16", 2},
                      TypeCase{ElementType::u32, "uint32", 4}, TypeCase{ElementType::i32, "int32", 4},
                      TypeCase{ElementType::u64, "uint64", 8}, TypeCase{ElementType::i64, "int64", 8},
                      TypeCase{ElementType::f32, "float32", 4}, TypeCase{ElementType::f64, "float64", 8}),
    [](const auto& test) { return test.param.name; });

TEST(DatasetWriter, ChunksAreWholeRowsOfAboutAMebibyte) {
    const TemporaryFolder folder;
    const std::vector<std::byte> images(3000 * 28 * 28), labels(3000);
    {
        DatasetFileWriter writer(folder / "d.h5");
        writer.create("/train/x", {3000, 28, 28}, ElementType::u8);
        writer.write_rows("/train/x", 0, 3000, images);
        writer.create("/train/y", {3000}, ElementType::u8);
        writer.write_rows("/train/y", 0, 3000, labels);
        writer.commit();
    }
    const hid_t file = H5Fopen((folder / "d.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, "/train/x", H5P_DEFAULT);
    const hid_t properties = H5Dget_create_plist(dataset);
    ASSERT_EQ(H5Pget_layout(properties), H5D_CHUNKED);
    hsize_t chunk[3];
    ASSERT_EQ(H5Pget_chunk(properties, 3, chunk), 3);
    EXPECT_EQ(chunk[0], (1u << 20) / 784);
    EXPECT_EQ(chunk[1], 28u);
    EXPECT_EQ(chunk[2], 28u);
    H5Pclose(properties);
    H5Dclose(dataset);
    H5Fclose(file);

    const auto list = list_datasets(folder / "d.h5");
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0].name, "/train/x");
    EXPECT_EQ(list[0].chunk, (Shape{(1u << 20) / 784, 28, 28}));
    EXPECT_EQ(list[1].name, "/train/y");
    EXPECT_EQ(list[1].chunk, (Shape{3000}));
    EXPECT_EQ(chunk_rows({10, 4096, 4096}, ElementType::f32), 1u);
}

TEST(DatasetWriter, NothingAppearsUncommittedOrUnfinished) {
    const TemporaryFolder folder;
    const std::vector<std::byte> rows(10);
    {
        DatasetFileWriter writer(folder / "d.h5");
        writer.create("/x", {10}, ElementType::u8);
        writer.write_rows("/x", 0, 10, rows);
    }
    EXPECT_TRUE(folder.names().empty());
    {
        DatasetFileWriter writer(folder / "d.h5");
        writer.create("/x", {11}, ElementType::u8);
        writer.write_rows("/x", 0, 10, rows);
        EXPECT_CONTAINS(message_of<Error>([&] { writer.commit(); }), "10 of 11 rows");
        EXPECT_THROW(writer.write_rows("/x", 5, 10, rows), Error);
        EXPECT_THROW(writer.write_rows("/y", 0, 10, rows), Error);
        EXPECT_THROW(writer.create("/z", {0, 3}, ElementType::u8), Error);
    }
    EXPECT_TRUE(folder.names().empty());
    EXPECT_CONTAINS(message_of<Error>([&] { DatasetFileWriter(folder / "none" / "d.h5"); }), "No such file");
}

TEST(DatasetWriter, WhatFitsOnNoDiskIsRefusedBeforeItIsWritten) {
    const TemporaryFolder folder;
    DatasetFileWriter writer(folder / "d.h5");
    EXPECT_CONTAINS(message_of<Error>([&] { writer.create("/x", {std::size_t{1} << 52}, ElementType::u8); }), "d.h5");
}

TEST(DatasetReader, ReadsUsersTypesAndLayouts) {
    const TemporaryFolder folder;
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    struct Case {
        const char* name;
        hid_t type;
        std::vector<hsize_t> chunk;
        unsigned gzip;
        ElementType memory;
        const char* stored;
    };
    const std::vector<Case> cases = {
        {"/i16be", H5T_STD_I16BE, {}, 0, ElementType::i16, "int16, big-endian"},
        {"/u32be", H5T_STD_U32BE, {7, 3}, 0, ElementType::u32, "uint32, big-endian"},
        {"/i64", H5T_STD_I64LE, {10, 2}, 9, ElementType::i64, "int64"},
        {"/u8gzip", H5T_STD_U8LE, {7, 3}, 4, ElementType::u8, "uint8"},
        {"/f32be", H5T_IEEE_F32BE, {}, 0, ElementType::f32, "float32, big-endian"},
        {"/f64be", H5T_IEEE_F64BE, {16, 1}, 1, ElementType::f64, "float64, big-endian"},
        {"/half", half, {}, 0, ElementType::f32, "float16"},
    };
    {
        UserFile file(folder / "u.h5");
        for (const Case& c : cases) file.counting(c.name, {40, 3}, c.type, c.chunk, c.gzip);
    }
    H5Tclose(half);
    for (const Case& c : cases) {
        const DatasetReader reader(folder / "u.h5", c.name);
        EXPECT_EQ(reader.info().type, c.memory) << c.name;
        EXPECT_EQ(reader.info().stored, c.stored);
        EXPECT_EQ(reader.info().chunk, Shape(c.chunk.begin(), c.chunk.end()));
        double found = -1;
        if (c.memory == ElementType::i16) found = rows_of<std::int16_t>(reader, 5, 20)[7];
        if (c.memory == ElementType::u32) found = rows_of<std::uint32_t>(reader, 5, 20)[7];
        if (c.memory == ElementType::i64) found = static_cast<double>(rows_of<std::int64_t>(reader, 5, 20)[7]);
        if (c.memory == ElementType::u8) found = rows_of<std::uint8_t>(reader, 5, 20)[7];
        if (c.memory == ElementType::f32) found = rows_of<float>(reader, 5, 20)[7];
        if (c.memory == ElementType::f64) found = rows_of<double>(reader, 5, 20)[7];
        EXPECT_EQ(found, 22.0) << c.name;
    }
}

TEST(DatasetReader, BooleansReadAsZeroAndOne) {
    const TemporaryFolder folder;
    const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    const std::int8_t no = 0, yes = 1;
    H5Tenum_insert(type, "FALSE", &no);
    H5Tenum_insert(type, "TRUE", &yes);
    {
        UserFile file(folder / "u.h5");
        const hid_t dataset = file.create("/x", {2, 2}, type);
        const std::int8_t values[] = {0, 1, 1, 0};
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
        H5Dclose(dataset);
    }
    H5Tclose(type);
    const DatasetReader reader(folder / "u.h5", "/x");
    EXPECT_EQ(reader.info().stored, "boolean");
    EXPECT_EQ(rows_of<float>(reader, 0, 2), (std::vector<float>{0, 1, 1, 0}));
}

TEST(DatasetReader, OutlivesMovesAndKeepsToItsBounds) {
    const TemporaryFolder folder;
    {
        UserFile file(folder / "u.h5");
        file.counting("/x", {4, 2}, H5T_STD_U8LE);
    }
    DatasetReader first(folder / "u.h5", "/x");
    const DatasetReader reader(std::move(first));
    EXPECT_EQ(rows_of<std::uint8_t>(reader, 3, 1), (std::vector<std::uint8_t>{6, 7}));
    std::vector<std::byte> out(4);
    EXPECT_THROW(reader.read_rows(3, 2, out), Error);
    EXPECT_THROW(reader.read_rows(static_cast<std::size_t>(-1), 2, out), Error);
    EXPECT_THROW(reader.read_rows(0, 1, out), Error);
}

TEST(Locate, TakesWhatIsSaidWhatIsPreferredOrTheOnlyOne) {
    const TemporaryFolder folder;
    fs::create_directories(folder / "odd:");
    const std::string several = (folder / "several.h5").string(), one = (folder / "odd:/one:more.h5").string();
    {
        UserFile file(several);
        file.counting("/a", {4, 2}, H5T_STD_U8LE);
        file.counting("/b", {4, 2}, H5T_STD_U8LE);
        UserFile single(one);
        single.counting("/images", {4, 2}, H5T_STD_U8LE);
        single.counting("/labels", {4}, H5T_STD_U8LE);
    }
    const auto check = [](const std::string& text, std::string_view preferred, const std::string& file,
                          const std::string& dataset) {
        const Location found = locate(text, preferred);
        EXPECT_EQ(found.file, file);
        EXPECT_EQ(found.dataset, dataset);
    };
    check(several + ":/b", "/a", several, "/b");
    check(several, "/a", several, "/a");
    check(one, "/train/x", one, "/images");
    check(one + ":/labels", "", one, "/labels");

    const std::string unclear = message_of<InputError>([&] { locate(several, "/train/x"); });
    EXPECT_CONTAINS(unclear, "not clear");
    EXPECT_CONTAINS(unclear, "/a (4 x 2, uint8), /b (4 x 2, uint8)");
    EXPECT_CONTAINS(message_of<InputError>([&] { locate(several + ":/c", ""); }), "no dataset /c");
    EXPECT_CONTAINS(message_of<InputError>([&] { locate((folder / "none.h5").string() + ":/c", ""); }), "no such file");
    {
        UserFile file(folder / "labels.h5");
        file.counting("/y", {4}, H5T_STD_U8LE);
    }
    EXPECT_CONTAINS(message_of<InputError>([&] { locate((folder / "labels.h5").string(), "/train/x"); }),
                    "it holds /y (4, uint8)");
}

} // namespace
} // namespace elbo::storage
