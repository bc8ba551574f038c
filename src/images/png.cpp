// PNG (ISO/IEC 15948) by libspng, with limits on what a file may claim.
#include "base/error.hpp"
#include "images/codecs.hpp"

#include <spng.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace elbo::images {

namespace {

/// Of chunks other than pixels (profiles, texts), each and together: what a photograph brings along, and no more.
constexpr std::size_t largest_chunk = 8 << 20, all_chunks = 16 << 20;

struct FreeContext {
    void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};

void check(int result) {
    switch (result) {
    case SPNG_OK:
        return;
    case SPNG_IO_EOF:
    case SPNG_EOF:
    case SPNG_EIDAT_TOO_SHORT:
        reject("is a PNG cut short ({})", spng_strerror(result));
    case SPNG_ECHUNK_LIMITS:
        reject("is a PNG with a profile or text of more than {} MiB", largest_chunk >> 20);
    default:
        reject("is a damaged PNG ({})", spng_strerror(result));
    }
}

/// The format that keeps what a file has, and what it is in channels and bytes.
struct Wanted {
    int format;
    std::size_t channels, bytes;
};

Wanted wanted(const spng_ihdr& header, bool transparent) {
    const bool deep = header.bit_depth == 16;
    switch (header.color_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
        transparent = true;
        break;
    case SPNG_COLOR_TYPE_GRAYSCALE:
        if (!transparent && deep) return {SPNG_FMT_PNG, 1, 2};
        if (!transparent) return {SPNG_FMT_G8, 1, 1};
        break;
    case SPNG_COLOR_TYPE_TRUECOLOR:
        if (!transparent && deep) return {SPNG_FMT_PNG, 3, 2};
        break;
    default:
        break;
    }
    if (!transparent) return {SPNG_FMT_RGB8, 3, 1};
    return deep ? Wanted{SPNG_FMT_RGBA16, 4, 2} : Wanted{SPNG_FMT_RGBA8, 4, 1};
}

} // namespace

bool is_png(std::span<const std::byte> file) {
    constexpr std::array<unsigned char, 8> signature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    return file.size() >= signature.size() &&
           std::equal(signature.begin(), signature.end(), file.begin(),
                      [](unsigned char expected, std::byte found) { return std::byte{expected} == found; });
}

Samples decode_png(std::span<const std::byte> file, const Memory& memory) {
    const std::unique_ptr<spng_ctx, FreeContext> context(spng_ctx_new(0));
    if (!context) fail("no memory for a PNG decoder");
    check(spng_set_chunk_limits(context.get(), largest_chunk, all_chunks));
    check(spng_set_png_buffer(context.get(), file.data(), file.size()));
    spng_ihdr header{};
    check(spng_get_ihdr(context.get(), &header));
    check_extent(header.height, header.width);

    spng_trns transparency{};
    const int found = spng_get_trns(context.get(), &transparency);
    if (found != SPNG_OK && found != SPNG_ECHUNKAVAIL) check(found);
    const auto [format, channels, bytes] = wanted(header, found == SPNG_OK);

    std::size_t size = 0;
    check(spng_decoded_image_size(context.get(), format, &size));
    const Samples samples = {
        header.height,
        header.width,
        channels,
        header.color_type == SPNG_COLOR_TYPE_GRAYSCALE || header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA,
        bytes,
        memory(size)};
    if (size != samples.height * samples.width * channels * bytes) fail("libspng takes {} bytes for a PNG", size);
    check(spng_decode_image(context.get(), samples.first, size, format, SPNG_DECODE_TRNS));
    check(spng_decode_chunks(context.get())); // what follows the pixels: a file that ends there is cut short
    return samples;
}

} // namespace elbo::images
