// The header of NumPy's arrays: a Python dictionary of three known keys, read by hand since it is all of Python that is
// needed.
#include "base/error.hpp"
#include "base/text.hpp"
#include "convert/npy.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

namespace elbo::convert {

namespace {

using storage::ElementType;

/// NumPy pads to a multiple of 64 and needs 118 bytes for most arrays.
constexpr std::size_t most_header_bytes = 1 << 16;
constexpr std::size_t most_dimensions = 32; // as NumPy

/// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, keys in any order.
class Dictionary {
public:
    Dictionary(const std::string& where, std::string_view text) : where_(where), all_(text), text_(text) {}

    void read(std::string& descr, bool& fortran, Shape& shape) {
        bool has_descr = false, has_order = false, has_shape = false;
        expect('{');
        while (!skip('}')) {
            const std::string key = word();
            expect(':');
            if (key == "descr" && !has_descr) {
                descr = word();
                has_descr = true;
            } else if (key == "fortran_order" && !has_order) {
                fortran = truth();
                has_order = true;
            } else if (key == "shape" && !has_shape) {
                shape = extents();
                has_shape = true;
            } else {
                refuse();
            }
            if (!skip(',')) {
                expect('}');
                break;
            }
        }
        if (!has_descr || !has_order || !has_shape) refuse();
    }

private:
    [[noreturn]] void refuse() const {
        reject("{}: its header is \"{}\", expected {{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }} or "
               "the like",
               where_, printable(all_, 200));
    }
    void blanks() {
        while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
    }
    bool skip(char c) {
        blanks();
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    void expect(char c) {
        if (!skip(c)) refuse();
    }
    std::string word() {
        blanks();
        if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) refuse();
        const std::size_t end = text_.find(text_.front(), 1);
        if (end == std::string_view::npos) refuse();
        std::string word(text_.substr(1, end - 1));
        text_.remove_prefix(end + 1);
        return word;
    }
    bool truth() {
        blanks();
        for (const bool value : {true, false}) {
            const std::string_view name = value ? "True" : "False";
            if (!text_.starts_with(name)) continue;
            text_.remove_prefix(name.size());
            return value;
        }
        refuse();
    }
    Shape extents() {
        Shape shape;
        expect('(');
        while (!skip(')')) {
            blanks();
            std::size_t extent = 0;
            const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
            if (error != std::errc() || shape.size() == most_dimensions) refuse();
            text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
            skip('L'); // Python 2's long numbers
            shape.push_back(extent);
            if (!skip(',')) {
                expect(')');
                break;
            }
        }
        return shape;
    }

    const std::string& where_;
    std::string_view all_, text_;
};

struct Element {
    std::string_view code; ///< NumPy's, without the byte order
    ElementType type;
    NpyHeader::Encoding encoding = NpyHeader::Encoding::same;
};
constexpr std::array known_elements = {
    Element{"u1", ElementType::u8},
    Element{"i1", ElementType::i8},
    Element{"u2", ElementType::u16},
    Element{"i2", ElementType::i16},
    Element{"u4", ElementType::u32},
    Element{"i4", ElementType::i32},
    Element{"u8", ElementType::u64},
    Element{"i8", ElementType::i64},
    Element{"f4", ElementType::f32},
    Element{"f8", ElementType::f64},
    Element{"f2", ElementType::f32, NpyHeader::Encoding::half},
    Element{"b1", ElementType::f32, NpyHeader::Encoding::boolean},
};

void set_type(const std::string& where, const std::string& descr, NpyHeader& header) {
    for (const Element& element : known_elements) {
        if (descr.size() != 3 || descr.substr(1) != element.code) continue;
        const char order = descr[0];
        if (order != '<' && order != '>' && order != '|' && order != '=') break;
        header.type = element.type;
        header.encoding = element.encoding;
        header.swapped = order == (std::endian::native == std::endian::little ? '>' : '<');
        return;
    }
    reject("{}: has elements of type {}, expected integers of 8 to 64 bits, booleans or floats of 16 to 64 bits", where,
           printable(descr));
}

void check_shape(const std::string& where, const NpyHeader& header) {
    if (header.shape.empty()) reject("{}: is a single number, expected rows (N, ...)", where);
    std::size_t bytes = sizeof(double);
    for (const std::size_t extent : header.shape) {
        if (extent == 0) reject("{}: is empty ({})", where, describe(header.shape));
        if (__builtin_mul_overflow(bytes, extent, &bytes) || bytes > std::size_t{1} << 60)
            reject("{}: its header claims {} elements, more than any file holds", where, describe(header.shape));
    }
}

} // namespace

std::size_t NpyHeader::element_bytes() const {
    if (encoding == Encoding::half) return 2;
    return encoding == Encoding::boolean ? 1 : storage::bytes_of(type);
}

NpyHeader read_npy_header(const std::string& where, const std::function<std::size_t(std::span<std::byte>)>& read) {
    NpyHeader header;
    const auto read_all = [&](auto& values, std::size_t count) {
        if (read(std::as_writable_bytes(std::span(values)).first(count)) != count)
            reject("{}: ends within its header, expected a NumPy array", where);
        header.header_bytes += count;
    };
    std::array<unsigned char, 12> start{};
    read_all(start, 8);
    if (std::memcmp(start.data(), npy_magic.data(), npy_magic.size()) != 0) reject("{}: is no NumPy array", where);
    const unsigned version = start[6];
    if (version < 1 || version > 3) reject("{}: is of NumPy's format {}, expected 1, 2 or 3", where, version);
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    read_all(start, length_bytes);
    std::size_t length = 0;
    for (std::size_t i = length_bytes; i-- > 0;) length = length << 8 | start[i];
    if (length > most_header_bytes)
        reject("{}: its header claims {} bytes, at most {} are read", where, length, most_header_bytes);
    std::string text(length, '\0');
    read_all(text, length);
    std::string descr;
    Dictionary(where, text).read(descr, header.fortran, header.shape);
    set_type(where, descr, header);
    check_shape(where, header);
    return header;
}

} // namespace elbo::convert
