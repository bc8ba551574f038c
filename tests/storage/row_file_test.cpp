// Files that are laid out ahead: readable by HDF5 and NumPy, the same bytes whoever writes which rows in what order,
// and whole or not there.
#include "base/error.hpp"
#include "storage/dataset.hpp"
#include "storage/file_size_limit.hpp"
#include "storage/row_file.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

namespace elbo::storage {
namespace {

using elbo::testing::TemporaryFolder;

std::vector<RowArray> two_arrays() {
    return {{"/codes/mean", {5, 3}, ElementType::f32}, {"/figure", {5}, ElementType::f64}};
}

std::vector<float> values(std::size_t count) {
    std::vector<float> all(count);
    std::iota(all.begin(), all.end(), 1.0F);
    return all;
}

/// Rows from number `first` on, of values().
void write_some(RowWriter& writer, const RowFile& file, std::uint64_t first, std::uint64_t count) {
    const std::vector<float> mean = values(15);
    const std::vector<double> figure = {0.5, 1.5, 2.5, 3.5, 4.5};
    writer.write(file.arrays()[0], first, std::as_bytes(std::span(mean).subspan(first * 3, count * 3)));
    writer.write(file.arrays()[1], first, std::as_bytes(std::span(figure).subspan(first, count)));
}

TEST(RowFile, IsTheSameWhoeverWritesWhichRows) {
    const TemporaryFolder folder;
    for (const auto* const name : {"one.h5", "two.h5"}) {
        RowFile file = RowFile::hdf5(folder / name, two_arrays(), {{"from", "a test"}});
        RowWriter first(file.path(), file.bytes(), name), second(file.path(), file.bytes(), name);
        if (std::string(name) == "one.h5") {
            write_some(first, file, 0, 5);
        } else {
            write_some(second, file, 2, 3);
            write_some(first, file, 0, 2);
        }
        first.finish();
        second.finish();
        EXPECT_FALSE(std::filesystem::exists(folder / name));
        file.commit();
    }
    EXPECT_EQ(elbo::testing::bytes_of_file(folder / "one.h5"), elbo::testing::bytes_of_file(folder / "two.h5"));
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"one.h5", "two.h5"}));

    const DatasetReader reader(folder / "two.h5", "/codes/mean");
    EXPECT_EQ(reader.info().shape, (Shape{5, 3}));
    std::vector<float> found(15);
    reader.read_rows(0, 5, std::as_writable_bytes(std::span(found)));
    EXPECT_EQ(found, values(15));
}

TEST(RowFile, HoldsAnArrayForNumPy) {
    const TemporaryFolder folder;
    const std::vector<float> all = values(6);
    RowFile file = RowFile::npy(folder / "x.npy", {"", {3, 2}, ElementType::f32});
    RowWriter writer(file.path(), file.bytes(), "x.npy");
    writer.write(file.arrays()[0], 1, std::as_bytes(std::span(all).subspan(2)));
    writer.write(file.arrays()[0], 0, std::as_bytes(std::span(all).first(2)));
    writer.finish();
    file.commit();
    const std::string bytes = elbo::testing::bytes_of_file(folder / "x.npy");
    ASSERT_EQ(bytes.size(), 128 + 24u);
    EXPECT_EQ(bytes.substr(128), std::string(reinterpret_cast<const char*>(all.data()), 24));
}

TEST(RowFile, LeavesNothingBehindWithoutACommit) {
    const TemporaryFolder folder;
    { const RowFile file = RowFile::hdf5(folder / "x.h5", two_arrays(), {}); }
    EXPECT_TRUE(folder.names().empty());
    EXPECT_THROW(RowFile::hdf5(folder / "none" / "x.h5", two_arrays(), {}), Error);
    EXPECT_THROW(RowFile::npy(folder / "none" / "x.npy", two_arrays()[0]), Error);
}

TEST(RowFile, IsRefusedBeforeAnythingIsComputedWhereTheDiskIsFull) {
    const TemporaryFolder folder;
    {
        const FileSizeLimit limit(1 << 20);
        EXPECT_THROW(RowFile::hdf5(folder / "x.h5", {{"/z", {1 << 20}, ElementType::f64}}, {}), Error);
        EXPECT_THROW(RowFile::npy(folder / "x.npy", {"", {1 << 20}, ElementType::f64}), Error);
    }
    EXPECT_TRUE(folder.names().empty());
}

TEST(RowWriter, RefusesWhatIsNotItsFile) {
    const TemporaryFolder folder;
    const RowFile file = RowFile::hdf5(folder / "x.h5", two_arrays(), {});
    EXPECT_THROW(RowWriter(folder / "other", file.bytes(), "x.h5"), Error);
    EXPECT_THROW(RowWriter(file.path(), file.bytes() + 1, "x.h5"), Error);
    RowWriter writer(file.path(), file.bytes(), "x.h5");
    const std::vector<float> rows = values(6);
    EXPECT_THROW(writer.write(file.arrays()[0], 4, std::as_bytes(std::span(rows))), Error); // rows 4 and 5 of 5
    EXPECT_THROW(writer.write(file.arrays()[0], 0, std::as_bytes(std::span(rows).first(4))), Error);
}

} // namespace
} // namespace elbo::storage
