// NumPy's format: the bytes that its specification asks for, and files that appear whole.
#include "base/error.hpp"
#include "storage/npy_writer.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace elbo::storage {
namespace {

using elbo::testing::TemporaryFolder;

TEST(NpyWriter, WritesWhatTheFormatAsksFor) {
    const TemporaryFolder folder;
    const std::vector<float> values = {1, 2, 3, 4, 5, 6};
    const auto bytes = std::as_bytes(std::span(values));
    NpyWriter writer(folder / "x.npy", {3, 2}, ElementType::f32);
    writer.write(bytes.first(8));
    writer.write(bytes.subspan(8));
    EXPECT_FALSE(std::filesystem::exists(folder / "x.npy"));
    writer.commit();
    const std::string file = elbo::testing::bytes_of_file(folder / "x.npy");
    ASSERT_EQ(file.size(), 128 + 24u);
    EXPECT_EQ(file.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
    EXPECT_TRUE(file.substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2, ), }  "));
    EXPECT_EQ(file[127], '\n');
    EXPECT_EQ(std::memcmp(file.data() + 128, values.data(), 24), 0);
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"x.npy"}));
}

TEST(NpyWriter, NamesEveryType) {
    const TemporaryFolder folder;
    const std::pair<ElementType, std::string> types[] = {{ElementType::u8, "'|u1'"},
                                                         {ElementType::i16, "'<i2'"},
                                                         {ElementType::u64, "'<u8'"},
                                                         {ElementType::f64, "'<f8'"}};
    for (const auto& [type, code] : types) {
        NpyWriter writer(folder / "x.npy", {1}, type);
        writer.write(std::vector<std::byte>(bytes_of(type)));
        writer.commit();
        const std::string file = elbo::testing::bytes_of_file(folder / "x.npy");
        EXPECT_NE(file.find(code), std::string::npos) << code;
        EXPECT_NE(file.find("(1, )"), std::string::npos);
    }
}

TEST(NpyWriter, LeavesNothingBehindWhereRowsAreMissing) {
    const TemporaryFolder folder;
    {
        NpyWriter writer(folder / "x.npy", {2}, ElementType::f64);
        writer.write(std::vector<std::byte>(8));
        EXPECT_THROW(writer.commit(), Error);
        EXPECT_THROW(writer.write(std::vector<std::byte>(9)), Error);
    }
    EXPECT_TRUE(folder.names().empty());
    EXPECT_THROW(NpyWriter(folder / "none" / "x.npy", {2}, ElementType::f64), Error);
}

} // namespace
} // namespace elbo::storage
