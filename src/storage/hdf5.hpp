// HDF5's C API made safe for the files of storage/: handles that close themselves, calls that throw HDF5's own message,
// and the one mutex that all calls are made under (Debian's HDF5 is not thread-safe).
#pragma once

#include "base/error.hpp"
#include "numerics/view.hpp"
#include "storage/dataset.hpp"

#include <hdf5.h>

#include <filesystem>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace elbo::storage {

/// Held by every public function for as long as it has handles: the mutex, and HDF5 prepared for this thread.
class Hdf5Session {
public:
    Hdf5Session();

private:
    std::lock_guard<std::recursive_mutex> lock_;
};

/// The deepest, most specific message of HDF5's error stack: "truncated file: eof = 96, ... stored_eof = 2048".
std::string hdf5_message();

/// Passes a result of the C API on; where it is negative throws Error "<what>: <HDF5's message>".
template <class Result>
Result checked(Result result, const std::string& what) {
    if (result < 0) fail("{}: {}", what, hdf5_message());
    return result;
}

/// Owns an HDF5 identifier. Destructors do not throw: what must not fail is closed by close().
template <herr_t (*Close)(hid_t)>
class Hdf5Handle {
public:
    Hdf5Handle() = default;
    Hdf5Handle(hid_t id, const std::string& what) : id_(checked(id, what)) {}
    Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
    Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
        std::swap(id_, other.id_);
        return *this;
    }
    ~Hdf5Handle() {
        if (id_ >= 0) Close(id_);
    }
    hid_t get() const { return id_; }
    hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }
    void close(const std::string& what) {
        if (id_ >= 0) checked(Close(release()), what);
    }

private:
    hid_t id_ = H5I_INVALID_HID;
};

using FileHandle = Hdf5Handle<H5Fclose>;
using DatasetHandle = Hdf5Handle<H5Dclose>;
using ObjectHandle = Hdf5Handle<H5Oclose>;
using GroupHandle = Hdf5Handle<H5Gclose>;
using SpaceHandle = Hdf5Handle<H5Sclose>;
using TypeHandle = Hdf5Handle<H5Tclose>;
using AttributeHandle = Hdf5Handle<H5Aclose>;
using PropertiesHandle = Hdf5Handle<H5Pclose>;

/// Opens a user's file for reading. Throws InputError where it is missing, a folder, no HDF5 file or cut short.
FileHandle open_for_reading(const std::filesystem::path& file);

/// HDF5's native type of an element type; never closed.
hid_t native_type(ElementType type);

/// Variable-length UTF-8 text: what h5py reads as str.
TypeHandle text_type();

/// Creation properties with which the same content makes the same bytes: no times, groups made on the way.
PropertiesHandle link_properties();
PropertiesHandle dataset_properties();

void write_text_attribute(hid_t object, const std::string& name, const std::string& value);

SpaceHandle simple_space(const Shape& shape);

/// Extents of a dataspace; empty for a scalar.
Shape shape_of(hid_t space);

/// Paths of every dataset of a file or group, "/train/x", depth first by name.
std::vector<std::string> dataset_paths(hid_t file);

/// Names of an object's attributes, in order of name.
std::vector<std::string> attribute_names(hid_t object);

} // namespace elbo::storage
