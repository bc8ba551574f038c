// HDF5 files that lie in a vector of ours and never on a disk (HDF5's core driver).
#pragma once

#include "storage/hdf5.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace elbo::storage {

/// Access properties of a file in memory that lies in `bytes`, which outlives it. The vector grows as the file does and
/// is never copied; what it has already is taken as it is.
PropertiesHandle memory_file(std::vector<std::byte>& bytes);

/// A name for a file in memory. HDF5 takes two open files of one name for the same, and refuses an image whose name
/// exists on disk: nothing exists below a name that is taken by no folder.
std::string memory_name();

} // namespace elbo::storage
