#include "convert/npy.hpp"

#include "base/error.hpp"
#include "convert/convert.hpp"
#include "convert/elements.hpp"
#include "convert/open_files.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <fstream>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;

/// A half as IEEE 754 has it: sign, 5 bits of exponent, 10 of fraction.
float from_half(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1fu, fraction = bits & 0x3ffu;
    if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
        const float small = static_cast<float>(fraction) * 0x1p-24F;
        return sign != 0 ? -small : small;
    }
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

/// Rows that stand in the file as they are.
class PlainArray : public Array {
public:
    PlainArray(std::string name, const NpyHeader& header, ReadAt read)
        : Array(std::move(name), header.shape, header.type), header_(header), read_(std::move(read)) {}

    void read(std::size_t begin, std::span<std::byte> rows) override {
        const std::size_t row = header_.data_bytes() / header_.shape[0];
        if (header_.encoding == NpyHeader::Encoding::same) {
            read_(begin * row, rows);
            return decode_npy(header_, rows, rows);
        }
        stored_.resize(rows.size() / storage::bytes_of(header_.type) * header_.element_bytes());
        read_(begin * row, stored_);
        decode_npy(header_, stored_, rows);
    }

private:
    NpyHeader header_;
    ReadAt read_;
    std::vector<std::byte> stored_;
};

/// Fortran order: all rows' first feature, then all rows' second, the first index of a row running fastest.
class ColumnArray : public Array {
public:
    ColumnArray(std::string name, const NpyHeader& header, ReadAt read)
        : Array(std::move(name), header.shape, header.type), header_(header), read_(std::move(read)) {}

    /// Each feature is a read of its own: the more rows at once, the longer it is.
    std::size_t piece_bytes() const override { return 32 << 20; }

    void read(std::size_t begin, std::span<std::byte> rows) override {
        const Shape row = row_shape();
        const std::size_t features = elements(row), size = storage::bytes_of(header_.type);
        const std::size_t count = rows.size() / (features * size), stored = header_.element_bytes();
        stored_.resize(count * stored);
        column_.resize(count * size);
        Shape index(row.size(), 0);
        for (std::size_t feature = 0; feature < features; ++feature) {
            read_((feature * header_.shape[0] + begin) * stored, stored_);
            decode_npy(header_, stored_, column_);
            std::size_t place = 0; // of the feature in a row in C order
            for (std::size_t d = 0; d < row.size(); ++d) place = place * row[d] + index[d];
            for (std::size_t i = 0; i < count; ++i)
                std::memcpy(rows.data() + (i * features + place) * size, column_.data() + i * size, size);
            for (std::size_t d = 0; d < row.size() && ++index[d] == row[d]; ++d) index[d] = 0;
        }
    }

private:
    NpyHeader header_;
    ReadAt read_;
    std::vector<std::byte> stored_, column_;
};

NpyHeader header_of(OpenFiles& files, std::size_t file) {
    const std::string path = files.path(file).string();
    const std::size_t size = files.size(file);
    std::size_t place = 0;
    NpyHeader header = read_npy_header(path, [&](std::span<std::byte> out) {
        const std::size_t count = std::min(out.size(), size - place);
        files.read(file, place, out.first(count));
        place += count;
        return count;
    });
    const std::size_t expected = header.header_bytes + header.data_bytes();
    if (size != expected) {
        reject("{}: has {} bytes, expected {} for {} elements{}", path, size, expected, describe(header.shape),
               size < expected ? "; is it cut short?" : "");
    }
    return header;
}

std::unique_ptr<Source> open_npy(const Request& request) {
    const auto files = std::make_shared<OpenFiles>();
    std::vector<ArraySource::Named> arrays;
    for (const std::string& source : request.sources) {
        const std::size_t file = files->add(source);
        const NpyHeader header = header_of(*files, file);
        const auto read = [files, file, start = header.header_bytes](std::size_t offset, std::span<std::byte> out) {
            files->read(file, start + offset, out);
        };
        arrays.push_back({array_name(fs::path(source).stem().string()), npy_array(source, header, read)});
    }
    return std::make_unique<ArraySource>(std::move(arrays));
}

bool recognises_npy(const std::string& source) {
    std::error_code ignored;
    if (!fs::is_regular_file(source, ignored)) return false;
    std::array<char, npy_magic.size()> start{};
    std::ifstream(source, std::ios::binary).read(start.data(), start.size());
    return std::string_view(start.data(), start.size()) == npy_magic;
}

bool claims_npy(const std::string& source) {
    std::error_code ignored;
    return fs::is_regular_file(source, ignored) && fs::path(source).extension() == ".npy";
}

} // namespace

void decode_npy(const NpyHeader& header, std::span<std::byte> stored, std::span<std::byte> out) {
    if (header.swapped) swap_bytes(header.element_bytes(), stored);
    if (header.encoding == NpyHeader::Encoding::same) {
        if (stored.data() != out.data()) std::memcpy(out.data(), stored.data(), stored.size());
        return;
    }
    const std::size_t size = header.element_bytes();
    for (std::size_t i = 0; i < stored.size() / size; ++i) {
        float value = std::to_integer<int>(stored[i]) != 0 ? 1.F : 0.F;
        if (header.encoding == NpyHeader::Encoding::half) {
            std::uint16_t bits;
            std::memcpy(&bits, stored.data() + 2 * i, sizeof(bits));
            value = from_half(bits);
        }
        std::memcpy(out.data() + i * sizeof(value), &value, sizeof(value));
    }
}

std::unique_ptr<Array> npy_array(std::string name, const NpyHeader& header, ReadAt read) {
    if (header.fortran && header.shape.size() > 1)
        return std::make_unique<ColumnArray>(std::move(name), header, std::move(read));
    return std::make_unique<PlainArray>(std::move(name), header, std::move(read));
}

Format npy_format() {
    return {
        "npy", "NumPy's .npy: x.npy y.npy, or train_x.npy test_x.npy ...", recognises_npy, open_npy, {}, claims_npy,
    };
}

} // namespace elbo::convert
