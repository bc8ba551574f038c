// How a stored type reads in memory: numbers, arrays of them, and fields of records. Internal to storage.
#pragma once

#include "storage/hdf5.hpp"

#include <span>
#include <string>
#include <vector>

namespace elbo::storage {

struct Element {
    ElementType type = ElementType::u8;
    Shape inner;         ///< of array elements: the last extents of a row's shape
    std::string stored;  ///< "float64, big-endian"
    std::string problem; ///< why it cannot be read as numbers: "holds text"; empty where it can
    TypeHandle memory;   ///< what H5Dread converts to; none where there is a problem
};

/// An element of a stored type or, where fields are named, of the field of its records that they lead to.
Element element_of(hid_t stored, std::span<const std::string> fields);

/// Fields of records, those of records within as "outer.inner"; none of other types.
std::vector<std::string> fields_of(hid_t stored);

} // namespace elbo::storage
