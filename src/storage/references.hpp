// What an HDF5 file refers to in other files, and whether that may be followed: external links, sources of virtual
// datasets, raw data. A file from somewhere else must not have elbo read what lies outside its own folder. Internal to
// storage.
#pragma once

#include "storage/hdf5.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace elbo::storage {

/// A file that another one names: its path, or why it is not opened ("lies outside of data/; ...").
struct Referred {
    std::filesystem::path path;
    std::string problem;
};

class References {
public:
    /// Of a file that the user named, and of the files that it leads to.
    References(const std::filesystem::path& file, Outside outside);

    /// Properties of access to datasets and links with which HDF5 follows external links only where that is allowed.
    /// Live as long as what is opened with them.
    hid_t access() const { return access_.get(); }

    /// Why a link was not followed since the last call ("/x is an external link to ..."); empty: none was refused.
    std::string take_refusal() const;

    /// The file that HDF5 would open for a name which stands in `referring` (as H5Pset_virtual_prefix's page has it).
    Referred resolve(const std::filesystem::path& referring, const std::string& name) const;

    /// The same of raw data, whose names count from the folder of the file that refers to it.
    Referred resolve_raw(const std::filesystem::path& referring, const std::string& name) const;

private:
    /// What HDF5's callback works with: it stays where it is when References move.
    struct Policy;
    struct DeletePolicy {
        void operator()(Policy* policy) const;
    };

    std::unique_ptr<Policy, DeletePolicy> policy_;
    PropertiesHandle access_;
};

/// Why a virtual dataset cannot be read whole (a source that is missing, too small, refused; elements that no source
/// gives); empty where it can. Puts what its sources store, and the files that they lie in, into info. fields: of its
/// records, if one is read. nesting: how many virtual datasets have led here.
std::string virtual_problem(hid_t properties, const Shape& shape, const std::filesystem::path& file,
                            std::span<const std::string> fields, const References& references, int nesting,
                            DatasetInfo& info);

/// The same of raw data in other files. bytes: of the dataset.
std::string raw_problem(hid_t properties, std::size_t bytes, const std::filesystem::path& file,
                        const References& references, DatasetInfo& info);

} // namespace elbo::storage
