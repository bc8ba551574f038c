// A user's file open for reading, and the datasets and fields of records in it by name. Internal to storage.
#pragma once

#include "storage/description.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace elbo::storage {

/// "/table.image" as a dataset of records and the field of theirs.
struct Target {
    std::string dataset;
    std::vector<std::string> fields;
};

class OpenFile {
public:
    /// Throws InputError where it is missing, a folder, no HDF5 file or cut short. The session must be held, here and
    /// wherever it is used.
    OpenFile(const std::filesystem::path& file, Outside outside);

    hid_t get() const { return handle_.get(); }
    const std::filesystem::path& path() const { return path_; }

    /// What a name means: a dataset of that name or, where there is none, fields behind its dots.
    Target target(const std::string& name) const;

    /// Throws InputError where there is no such dataset, naming those that there are.
    DatasetHandle open(const Target& target, const std::string& name) const;
    /// Properties that it is opened with, to be changed.
    PropertiesHandle access() const { return {H5Pcopy(references_.access()), path_.string()}; }
    bool holds_dataset(const std::string& name) const;

    Description describe(const DatasetHandle& dataset, const Target& target, const std::string& name) const;
    /// The same of a dataset that dataset_paths or names has.
    Description describe(const std::string& name) const;

    /// Datasets, or the fields of those that hold records, depth first by name.
    std::vector<std::string> names() const;

    /// "it holds /train/x (60000 x 28 x 28, uint8), /train/y (60000, uint8)".
    std::string contents() const;

private:
    [[noreturn]] void reject_missing(const std::string& name) const;

    std::filesystem::path path_;
    FileHandle handle_;
    References references_;
};

} // namespace elbo::storage
