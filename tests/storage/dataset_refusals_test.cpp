// Files and datasets that are refused, and damage that is survived.
#include "base/error.hpp"
#include "storage/dataset.hpp"
#include "storage/user_file.hpp"
#include "support/files.hpp"

namespace elbo::storage {
namespace {

using elbo::testing::bytes_of_file;
using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
namespace fs = std::filesystem;

std::string refusal(const fs::path& file, const std::string& dataset) {
    return message_of<InputError>([&] { DatasetReader(file, dataset); });
}

TEST(DatasetReader, RefusesWhatIsNoHdf5File) {
    const TemporaryFolder folder;
    EXPECT_CONTAINS(refusal(folder / "none.h5", "/x"), "none.h5: no such file");
    EXPECT_CONTAINS(refusal(folder.path(), "/x"), "is a folder");
    write_bytes(folder / "text.h5", std::string_view("not HDF5 at all\n"));
    EXPECT_CONTAINS(refusal(folder / "text.h5", "/x"), "is no HDF5 file");
    EXPECT_FALSE(is_hdf5(folder / "text.h5"));
    write_bytes(folder / "empty.h5", std::string_view());
    EXPECT_CONTAINS(refusal(folder / "empty.h5", "/x"), "is no HDF5 file");
    EXPECT_FALSE(is_hdf5(folder / "none.h5"));
    EXPECT_FALSE(is_hdf5(folder.path()));
}

TEST(DatasetReader, RefusesATruncatedFileAtEveryLength) {
    const TemporaryFolder folder;
    {
        UserFile file(folder / "u.h5");
        file.counting("/x", {1000, 20}, H5T_IEEE_F32LE, {100, 20});
    }
    EXPECT_TRUE(is_hdf5(folder / "u.h5"));
    const std::string whole = bytes_of_file(folder / "u.h5");
    for (std::size_t i = 1; i < 50; ++i) {
        write_bytes(folder / "cut.h5", std::string_view(whole).substr(0, i * whole.size() / 50));
        const std::string message = refusal(folder / "cut.h5", "/x");
        EXPECT_CONTAINS(message, "truncated");
        EXPECT_CONTAINS(message, "is it cut short?");
    }
}

// Uncompressed: HDF5 1.10 itself reads past a chunk whose damaged header says that it was not compressed after all.
TEST(DatasetReader, SurvivesFlippedBytes) {
    const TemporaryFolder folder;
    {
        UserFile file(folder / "u.h5");
        file.counting("/chunked", {50, 20}, H5T_IEEE_F32LE, {10, 20});
        file.counting("/contiguous", {50, 20}, H5T_STD_I16BE);
    }
    const std::string whole = bytes_of_file(folder / "u.h5");
    std::size_t read = 0, refused = 0;
    for (std::size_t place = 0; place < whole.size(); place += 13) {
        std::string damaged = whole;
        damaged[place] = static_cast<char>(damaged[place] ^ 0xff);
        write_bytes(folder / "damaged.h5", damaged);
        for (const char* name : {"/chunked", "/contiguous"}) {
            try {
                const DatasetReader reader(folder / "damaged.h5", name);
                // A header that got past the checks claims no more than a compressed file of this size could hold.
                ASSERT_LT(reader.info().row_bytes() * reader.info().rows(), 5000 * whole.size());
                rows_of<char>(reader, 0, reader.info().rows());
                ++read;
            } catch (const Error&) {
                ++refused;
            }
        }
    }
    // Most of the file is data, of which HDF5 keeps no checksum.
    EXPECT_GT(read, refused);
    EXPECT_GT(refused, 10u);
}

TEST(DatasetReader, RefusesWhatIsNotRowsOfNumbers) {
    const TemporaryFolder folder;
    {
        UserFile file(folder / "u.h5");
        file.counting("/x", {4, 2}, H5T_STD_U8LE);
        file.counting("/scalar", {}, H5T_STD_U8LE);
        H5Dclose(file.create("/rowless", {0, 28, 28}, H5T_STD_U8LE));
        H5Dclose(file.create("/narrow", {10, 0}, H5T_STD_U8LE));
        H5Dclose(file.create("/unwritten", {10, 3}, H5T_STD_U8LE));
        H5Dclose(file.create("/hostile", {hsize_t{1} << 40, hsize_t{1} << 40}, H5T_STD_U8LE, {1, 1024}));
        const hid_t text = H5Tcopy(H5T_C_S1);
        H5Tset_size(text, 10);
        H5Dclose(file.create("/text", {10}, text));
        H5Tclose(text);
        const hid_t compound = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(compound, "a", 0, H5T_NATIVE_DOUBLE);
        H5Dclose(file.create("/compound", {10}, compound));
        H5Tclose(compound);
        H5Dclose(file.create("/reference", {10}, H5T_STD_REF_OBJ));
        H5Gclose(H5Gcreate2(file.id(), "/train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        file.counting("/train/images", {4, 2}, H5T_STD_U8LE);
    }
    const fs::path file = folder / "u.h5";
    EXPECT_CONTAINS(refusal(file, "/scalar"), "/scalar is a scalar");
    EXPECT_CONTAINS(refusal(file, "/rowless"), "is empty (0 x 28 x 28)");
    EXPECT_CONTAINS(refusal(file, "/narrow"), "is empty (10 x 0)");
    EXPECT_CONTAINS(refusal(file, "/unwritten"), "never written");
    EXPECT_CONTAINS(refusal(file, "/hostile"), "more than any memory holds");
    EXPECT_CONTAINS(refusal(file, "/text"), "holds text");
    EXPECT_CONTAINS(refusal(file, "/compound"), "holds compound records");
    EXPECT_CONTAINS(refusal(file, "/reference"), "holds references");
    EXPECT_CONTAINS(refusal(file, "/train"), "is a group");
    const std::string missing = refusal(file, "/train/image");
    EXPECT_CONTAINS(missing, "no dataset /train/image;");
    EXPECT_CONTAINS(missing, "/x (4 x 2, uint8)");
    EXPECT_CONTAINS(missing, "did you mean /train/images?");

    std::vector<std::string> names;
    for (const DatasetInfo& info : list_datasets(file)) names.push_back(info.name);
    EXPECT_EQ(names, (std::vector<std::string>{"/train/images", "/x"}));
}

TEST(DatasetReader, RefusesAShapeFarLargerThanWhatIsStored) {
    const TemporaryFolder folder;
    {
        UserFile file(folder / "u.h5");
        const hid_t dataset = file.create("/x", {1u << 30, 1024}, H5T_STD_U8LE, {1, 1024}, 1);
        const hsize_t start[] = {0, 0}, count[] = {1, 1024};
        const hid_t all = H5Dget_space(dataset), row = H5Screate_simple(2, count, nullptr);
        H5Sselect_hyperslab(all, H5S_SELECT_SET, start, nullptr, count, nullptr);
        const std::vector<std::uint8_t> values(1024);
        EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_UINT8, row, all, H5P_DEFAULT, values.data()), 0);
        H5Sclose(row);
        H5Sclose(all);
        H5Dclose(dataset);
    }
    EXPECT_CONTAINS(refusal(folder / "u.h5", "/x"), "is the file damaged?");
}

} // namespace
} // namespace elbo::storage
