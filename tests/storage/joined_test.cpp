// Several files read as one dataset, and what lies in records.
#include "base/error.hpp"
#include "storage/layout.hpp"
#include "storage/user_file.hpp"
#include "support/files.hpp"

namespace elbo::storage {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;

/// Files with 1, 2, 3 ... rows of two numbers, which count on from file to file.
std::vector<Location> counting_files(const TemporaryFolder& folder, std::size_t count) {
    std::vector<Location> locations;
    int next = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::filesystem::path path = folder / ("part-" + std::to_string(i) + ".h5");
        UserFile file(path);
        std::vector<int> values(2 * (i + 1));
        for (int& value : values) value = next++;
        const hid_t dataset = file.create("/x", {i + 1, 2}, H5T_STD_I32BE);
        EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
        H5Dclose(dataset);
        locations.push_back({path, "/x"});
    }
    return locations;
}

TEST(JoinedDatasets, ReadAsOneWhereverFilesEnd) {
    const TemporaryFolder folder;
    constexpr std::size_t files = 40, rows = files * (files + 1) / 2; // more than are held open
    const DatasetReader reader(counting_files(folder, files));
    EXPECT_EQ(reader.info().shape, (Shape{rows, 2}));
    for (const std::size_t count : {std::size_t{1}, std::size_t{7}, std::size_t{100}, rows})
        for (std::size_t begin = 0; begin + count <= rows; begin += 13) {
            const std::vector<int> found = rows_of<int>(reader, begin, count);
            for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], static_cast<int>(2 * begin + i));
        }
    EXPECT_EQ(reader.info().where(0), (folder / "part-0.h5").string() + ":/x: row 0");
    EXPECT_EQ(reader.info().where(1), (folder / "part-1.h5").string() + ":/x: row 0");
    EXPECT_EQ(reader.info().where(rows - 1), (folder / "part-39.h5").string() + ":/x: row 39");
    EXPECT_THROW(rows_of<int>(reader, rows, 1), Error);
    EXPECT_CONTAINS(reader.info().file, "part-39.h5 (40 files)");
}

TEST(JoinedDatasets, AFileThatChangedMeanwhileIsNamed) {
    const TemporaryFolder folder;
    const DatasetReader reader(counting_files(folder, 20));
    std::filesystem::remove(folder / "part-19.h5"); // not among those that are held open
    {
        UserFile file(folder / "part-19.h5");
        file.counting("/x", {3, 2}, H5T_STD_I32LE);
    }
    EXPECT_CONTAINS(message_of<InputError>([&] { rows_of<int>(reader, 209, 1); }), "now holds 3 x 2, but held 20 rows");
}

/// A virtual dataset with all rows of another file's.
Location virtual_of(const std::filesystem::path& path, const char* source, const char* dataset) {
    UserFile file(path);
    const std::vector<hsize_t> shape = {3, 2};
    const hid_t space = H5Screate_simple(2, shape.data(), nullptr), properties = H5Pcreate(H5P_DATASET_CREATE);
    EXPECT_GE(H5Pset_virtual(properties, space, source, dataset, space), 0);
    H5Dclose(H5Dcreate2(file.id(), "/v", H5T_STD_I32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Pclose(properties);
    H5Sclose(space);
    return {path, "/v"};
}

/// Rows of two numbers, some of them every second one.
struct RowsOf {
    hsize_t first, count, stride;
};

/// A virtual dataset of six rows; each list says where as many rows of rows.h5:/x, from its first on, go.
Location mapped(const std::filesystem::path& path, const std::vector<std::vector<RowsOf>>& mappings) {
    UserFile file(path);
    const hsize_t shape[] = {6, 2};
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    for (const std::vector<RowsOf>& rows : mappings) {
        const hid_t target = H5Screate_simple(2, shape, nullptr), source = H5Screate_simple(2, shape, nullptr);
        H5Sselect_none(target);
        for (const RowsOf& some : rows) {
            const hsize_t start[] = {some.first, 0}, stride[] = {some.stride, 1}, count[] = {some.count, 2};
            H5Sselect_hyperslab(target, H5S_SELECT_OR, start, stride, count, nullptr);
        }
        const hsize_t start[] = {0, 0}, count[] = {static_cast<hsize_t>(H5Sget_select_npoints(target)) / 2, 2};
        H5Sselect_hyperslab(source, H5S_SELECT_SET, start, nullptr, count, nullptr);
        EXPECT_GE(H5Pset_virtual(properties, target, "rows.h5", "/x", source), 0);
        H5Sclose(target);
        H5Sclose(source);
    }
    const hid_t space = H5Screate_simple(2, shape, nullptr);
    H5Dclose(H5Dcreate2(file.id(), "/v", H5T_STD_I32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(properties);
    return {path, "/v"};
}

TEST(JoinedDatasets, EveryElementOfAVirtualOneHasOneSource) {
    const TemporaryFolder folder;
    {
        UserFile file(folder / "rows.h5");
        file.counting("/x", {6, 2}, H5T_STD_I32LE);
    }
    const auto refused = [&](const std::vector<std::vector<RowsOf>>& mappings) {
        const Location location = mapped(folder / "refused.h5", mappings);
        return message_of<InputError>([&] { const DatasetReader reader(location.file, location.dataset); });
    };
    EXPECT_CONTAINS(refused({{{0, 3, 1}}, {{0, 3, 1}}}), "refused.h5: /v maps 12 elements onto 6 of its 12: mappings "
                                                         "overlap; make it anew so that each element has one source");
    EXPECT_CONTAINS(refused({{{0, 4, 1}}, {{2, 4, 1}}}), "maps 16 elements onto 12 of its 12: ");
    EXPECT_CONTAINS(refused({{{0, 3, 2}}, {{0, 1, 1}, {3, 1, 1}, {5, 1, 1}}}), "maps 12 elements onto 10 of its 12: ");
    EXPECT_CONTAINS(refused({{{0, 3, 2}}, {{1, 2, 2}}}), "has sources for 10 of 12 elements; ");

    const auto first_numbers = [&](const std::vector<std::vector<RowsOf>>& mappings) {
        const Location location = mapped(folder / "taken.h5", mappings);
        const std::vector<int> all = rows_of<int>(DatasetReader(location.file, location.dataset), 0, 6);
        return std::vector<int>{all[0], all[2], all[4], all[6], all[8], all[10]};
    };
    EXPECT_EQ(first_numbers({{{3, 3, 1}}, {{0, 3, 1}}}), (std::vector<int>{0, 2, 4, 0, 2, 4}));
    EXPECT_EQ(first_numbers({{{0, 3, 2}}, {{1, 3, 2}}}), (std::vector<int>{0, 0, 2, 2, 4, 4}));
    EXPECT_EQ(first_numbers({{{0, 1, 1}, {2, 1, 1}, {5, 1, 1}}, {{1, 1, 1}, {3, 2, 1}}}),
              (std::vector<int>{0, 0, 2, 2, 4, 4}));
}

TEST(JoinedDatasets, NameEveryFileThatRowsLieIn) {
    const TemporaryFolder folder;
    const auto files_of = [](std::vector<Location> locations) {
        std::vector<std::string> names;
        const DatasetReader reader(std::move(locations));
        for (const std::filesystem::path& file : reader.info().files()) names.push_back(file.filename());
        return names;
    };
    using Names = std::vector<std::string>;
    {
        UserFile file(folder / "rows.h5");
        file.counting("/x", {3, 2}, H5T_STD_I32LE);
    }
    {
        UserFile file(folder / "link.h5");
        H5Lcreate_external("rows.h5", "/x", file.id(), "/x", H5P_DEFAULT, H5P_DEFAULT);
    }
    const Location inner = virtual_of(folder / "inner.h5", "rows.h5", "/x"),
                   outer = virtual_of(folder / "outer.h5", "inner.h5", "/v");
    EXPECT_EQ(files_of({{folder / "rows.h5", "/x"}}), (Names{"rows.h5"}));
    EXPECT_EQ(files_of({{folder / "link.h5", "/x"}}), (Names{"rows.h5", "link.h5"}));
    EXPECT_EQ(files_of({inner}), (Names{"rows.h5", "inner.h5"}));
    EXPECT_EQ(files_of({outer}), (Names{"inner.h5", "rows.h5", "outer.h5"}));
    EXPECT_EQ(files_of({inner, outer}), (Names{"inner.h5", "rows.h5", "inner.h5", "outer.h5"}));
    std::filesystem::rename(folder / "rows.h5", folder / "other.h5");
    EXPECT_CONTAINS(message_of<InputError>([&] { files_of({outer}); }), "does not exist");
}

TEST(Records, ReadByField) {
    const TemporaryFolder folder;
    struct Record {
        double skipped;
        std::int16_t pair[2];
        float value;
    };
    const hsize_t two = 2;
    const hid_t pair = H5Tarray_create2(H5T_NATIVE_INT16, 1, &two), type = H5Tcreate(H5T_COMPOUND, sizeof(Record));
    H5Tinsert(type, "skipped", offsetof(Record, skipped), H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "pair", offsetof(Record, pair), pair);
    H5Tinsert(type, "value", offsetof(Record, value), H5T_NATIVE_FLOAT);
    {
        UserFile file(folder / "u.h5");
        const hid_t dataset = file.create("/records", {3}, type);
        const Record records[] = {{9, {1, 2}, 0.5F}, {9, {3, 4}, 1.5F}, {9, {5, 6}, 2.5F}};
        EXPECT_GE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, records), 0);
        H5Dclose(dataset);
    }
    H5Tclose(type);
    H5Tclose(pair);
    const DatasetReader pairs(folder / "u.h5", "/records.pair"), values(folder / "u.h5", "/records.value");
    EXPECT_EQ(pairs.info().shape, (Shape{3, 2}));
    EXPECT_EQ(rows_of<std::int16_t>(pairs, 1, 2), (std::vector<std::int16_t>{3, 4, 5, 6}));
    EXPECT_EQ(rows_of<float>(values, 0, 3), (std::vector<float>{0.5F, 1.5F, 2.5F}));
    EXPECT_EQ(list_datasets(folder / "u.h5").size(), 3u);
    EXPECT_CONTAINS(message_of<InputError>([&] { DatasetReader(folder / "u.h5", "/records.valu"); }),
                    "did you mean value?");
}

TEST(Layout, VerdictsGoByChunksAndFilters) {
    const auto verdict = [](Shape shape, Shape chunk, std::vector<std::string> filters) {
        DatasetInfo info{"d.h5", "/x", std::move(shape), ElementType::u8, "uint8", std::move(chunk)};
        info.layout = info.chunk.empty() ? "contiguous" : "chunked";
        info.filters = std::move(filters);
        return judge_layout(info);
    };
    const std::vector<std::string> gzip = {"gzip 4"};
    EXPECT_FALSE(verdict({100'000, 28, 28}, {}, {}).costly);
    EXPECT_FALSE(verdict({100'000, 28, 28}, {100, 28, 28}, {}).costly);
    EXPECT_FALSE(verdict({100'000, 28, 28}, {1337, 28, 28}, gzip).costly);
    EXPECT_TRUE(verdict({100'000, 28, 28}, {1, 28, 28}, {}).costly);
    EXPECT_FALSE(verdict({1000, 512, 512}, {1, 512, 512}, {}).costly);
    EXPECT_TRUE(verdict({100'000, 28, 28}, {100, 14, 28}, gzip).costly);
    EXPECT_TRUE(verdict({100'000, 784}, {100'000, 784}, gzip).costly);
    EXPECT_FALSE(verdict({100'000, 784}, {100'000, 784}, {}).costly);
    EXPECT_FALSE(verdict({1000, 512, 512}, {1000, 512, 512}, {}).costly); // HDF5 reads rows of a plain chunk alone
    EXPECT_TRUE(verdict({1000, 512, 512}, {1000, 512, 512}, gzip).costly);
    EXPECT_FALSE(verdict({100, 28, 28}, {100, 28, 28}, gzip).costly); // a small file
    EXPECT_EQ(verdict({100'000, 28, 28}, {1, 28, 28}, {}).advice, "elbo convert d.h5 d-rows.h5");
    EXPECT_EQ(verdict({100'000, 28, 28}, {100, 28, 28}, gzip).advice, "");
    // From 16 MiB on.
    for (const auto& [rows, costly] : {std::pair<std::size_t, bool>{16'383, false}, {16'384, true}}) {
        EXPECT_EQ(verdict({rows, 1024}, {1, 1024}, {}).costly, costly);
        EXPECT_EQ(verdict({rows, 1024}, {1, 1024}, {}).advice.empty(), !costly);
        EXPECT_EQ(verdict({rows, 1024}, {100, 10}, gzip).costly, costly);
        EXPECT_CONTAINS(verdict({rows, 1024}, {1, 1024}, {}).meaning, "a chunk a sample");
    }
}

} // namespace
} // namespace elbo::storage
