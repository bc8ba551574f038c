// NumPy's array format, versions 1 to 3 (numpy.lib.format): magic, a header that is a Python dictionary, elements in C
// or Fortran order.
#pragma once

#include "convert/arrays.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::convert {

/// What a file begins with.
constexpr std::string_view npy_magic = "\x93NUMPY";

/// What a header says. Halves and booleans are float32 in memory: a boolean as 0 and 1.
struct NpyHeader {
    enum class Encoding { same, half, boolean };
    Shape shape; ///< (N, ...), of at least one element
    bool fortran = false;
    storage::ElementType type = storage::ElementType::u8; ///< in memory
    Encoding encoding = Encoding::same;
    bool swapped = false;              ///< the bytes of each element
    std::size_t header_bytes = 0;      ///< up to the first element
    std::size_t element_bytes() const; ///< as stored
    std::size_t data_bytes() const { return elements(shape) * element_bytes(); }
};

/// Reads a header by `read`, which fills a span and says how many bytes there were. Throws InputError, with `where` in
/// front, where it is none, of an element type or size that cannot be converted.
NpyHeader read_npy_header(const std::string& where, const std::function<std::size_t(std::span<std::byte>)>& read);

/// Elements as stored to what they are in memory.
void decode_npy(const NpyHeader& header, std::span<std::byte> stored, std::span<std::byte> out);

/// Reads bytes of an array's data from a place on.
using ReadAt = std::function<void(std::size_t offset, std::span<std::byte> out)>;

/// An array whose data can be read at any place.
std::unique_ptr<Array> npy_array(std::string name, const NpyHeader& header, ReadAt read);

} // namespace elbo::convert
