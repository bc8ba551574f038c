// Any bytes as a PNG: pixels, or a reason. Checksums of mutated chunks are made to fit, or nothing behind them would
// ever be reached.
#include "base/error.hpp"
#include "images/decode.hpp"

#include <zlib.h>

#include <cstdlib>

using namespace elbo;

namespace {

constexpr std::size_t signature_bytes = 8, around_data = 12; ///< of a chunk: length, name, checksum

std::size_t number_at(const std::uint8_t* data) {
    return std::size_t{data[0]} << 24 | std::size_t{data[1]} << 16 | std::size_t{data[2]} << 8 | data[3];
}

void mend_checksums(std::uint8_t* data, std::size_t size) {
    for (std::size_t at = signature_bytes; at + around_data <= size;) {
        const std::size_t length = number_at(data + at);
        if (length > size - at - around_data) return;
        const auto sum = crc32(0, data + at + 4, static_cast<unsigned>(length + 4));
        for (unsigned i = 0; i < 4; ++i) data[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (8 * (3 - i)));
        at += around_data + length;
    }
}

template <class Picture>
void decode(std::span<const std::byte> file) {
    Picture picture;
    try {
        images::Decoder().decode(file, picture);
    } catch (const InputError&) {
        return;
    }
    if (picture.pixels.size() != picture.height * picture.width * picture.channels) std::abort();
}

} // namespace

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    size = LLVMFuzzerMutate(data, size, most);
    if (seed % 8 != 0) mend_checksums(data, size);
    return size;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto file = std::as_bytes(std::span(data, size));
    decode<images::Picture>(file);
    decode<images::DeepPicture>(file);
    return 0;
}
