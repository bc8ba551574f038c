// HDF5 files as users make them, by HDF5's own calls.
#pragma once

#include "storage/dataset.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <filesystem>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

namespace elbo::storage {

class UserFile {
public:
    explicit UserFile(const std::filesystem::path& path)
        : file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
    ~UserFile() { close(); }
    void close() {
        if (file_ >= 0) H5Fclose(file_);
        file_ = -1;
    }
    hid_t id() const { return file_; }

    /// Elements 0, 1, 2 ... of memory type double, stored as `type`.
    void counting(const char* name, const std::vector<hsize_t>& shape, hid_t type,
                  const std::vector<hsize_t>& chunk = {}, unsigned gzip = 0) {
        std::vector<double> values(std::accumulate(shape.begin(), shape.end(), hsize_t{1}, std::multiplies<>()));
        std::iota(values.begin(), values.end(), 0.0);
        const hid_t dataset = create(name, shape, type, chunk, gzip);
        EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
        H5Dclose(dataset);
    }

    /// A dataset without its data.
    hid_t create(const char* name, const std::vector<hsize_t>& shape, hid_t type,
                 const std::vector<hsize_t>& chunk = {}, unsigned gzip = 0) {
        const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
        if (!chunk.empty()) H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
        if (gzip > 0) H5Pset_deflate(properties, gzip);
        const hid_t space = shape.empty() ? H5Screate(H5S_SCALAR)
                                          : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
        const hid_t dataset = H5Dcreate2(file_, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
        EXPECT_GE(dataset, 0);
        H5Sclose(space);
        H5Pclose(properties);
        return dataset;
    }

private:
    hid_t file_;
};

/// Rows of a dataset whose memory type is T, or its bytes.
template <class T>
std::vector<T> rows_of(const DatasetReader& reader, std::size_t begin, std::size_t count) {
    std::vector<T> out(count * reader.info().row_bytes() / sizeof(T));
    reader.read_rows(begin, count, std::as_writable_bytes(std::span(out)));
    return out;
}

} // namespace elbo::storage
