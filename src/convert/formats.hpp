// Rows of the table of source formats, each in the file that reads it.
#pragma once

#include "convert/convert.hpp"

namespace elbo::convert {

Format idx_format();              // idx.cpp
Format npy_format();              // npy.cpp
Format npz_format();              // npz.cpp
Format csv_format();              // csv.cpp
Format cifar_format();            // cifar.cpp
Format images_format();           // image_formats.cpp
Format archive_format();          // image_formats.cpp
Format hdf5_format();             // hdf5.cpp
Format raw_format();              // raw.cpp
Format sprites_format();          // sprites.cpp
Format gaussian_mixture_format(); // vectors.cpp
Format ppca_format();             // vectors.cpp

} // namespace elbo::convert
