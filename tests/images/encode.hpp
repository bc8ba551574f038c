// Encoded images for tests, by the libraries' own encoders.
#pragma once

#include "images/picture.hpp"

#include <gtest/gtest.h>
#include <spng.h>
#include <turbojpeg.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace elbo::images::testing {

struct PngKind {
    std::uint8_t color_type = SPNG_COLOR_TYPE_GRAYSCALE, bit_depth = 8;
    bool interlaced = false;
    std::vector<spng_plte_entry> palette;
    std::vector<std::uint8_t> palette_opacity;
};

/// samples: as the file holds them, 16-bit ones in native order.
inline std::string png(std::uint32_t height, std::uint32_t width, const PngKind& kind,
                       const std::vector<std::uint8_t>& samples) {
    const std::unique_ptr<spng_ctx, void (*)(spng_ctx*)> context(spng_ctx_new(SPNG_CTX_ENCODER), spng_ctx_free);
    spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
    spng_ihdr header{};
    header.width = width;
    header.height = height;
    header.bit_depth = kind.bit_depth;
    header.color_type = kind.color_type;
    header.interlace_method = kind.interlaced ? 1 : 0;
    EXPECT_EQ(spng_set_ihdr(context.get(), &header), 0);
    if (!kind.palette.empty()) {
        spng_plte palette{};
        palette.n_entries = static_cast<std::uint32_t>(kind.palette.size());
        std::copy(kind.palette.begin(), kind.palette.end(), palette.entries);
        EXPECT_EQ(spng_set_plte(context.get(), &palette), 0);
    }
    if (!kind.palette_opacity.empty()) {
        spng_trns opacity{};
        opacity.n_type3_entries = static_cast<std::uint32_t>(kind.palette_opacity.size());
        std::copy(kind.palette_opacity.begin(), kind.palette_opacity.end(), opacity.type3_alpha);
        EXPECT_EQ(spng_set_trns(context.get(), &opacity), 0);
    }
    EXPECT_EQ(spng_encode_image(context.get(), samples.data(), samples.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE), 0);
    int result = 0;
    std::size_t size = 0;
    const std::unique_ptr<void, void (*)(void*)> bytes(spng_get_png_buffer(context.get(), &size, &result), std::free);
    EXPECT_EQ(result, 0);
    return {static_cast<const char*>(bytes.get()), size};
}

inline std::string png(const Picture& picture) {
    PngKind kind;
    kind.color_type = picture.channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR : SPNG_COLOR_TYPE_GRAYSCALE;
    return png(static_cast<std::uint32_t>(picture.height), static_cast<std::uint32_t>(picture.width), kind,
               picture.pixels);
}

inline std::string jpeg(const Picture& picture, int flags = 0, int quality = 95) {
    const std::unique_ptr<void, int (*)(void*)> handle(tjInitCompress(), tjDestroy);
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    const bool grey = picture.channels == 1;
    EXPECT_EQ(tjCompress2(handle.get(), picture.pixels.data(), static_cast<int>(picture.width), 0,
                          static_cast<int>(picture.height), grey ? TJPF_GRAY : TJPF_RGB, &bytes, &size,
                          grey ? TJSAMP_GRAY : TJSAMP_444, quality, flags),
              0);
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    tjFree(bytes);
    return text;
}

/// A smooth picture with a different slope in each channel.
inline Picture gradient(std::size_t height, std::size_t width, std::size_t channels) {
    Picture picture{height, width, channels, {}};
    for (std::size_t y = 0; y < height; ++y)
        for (std::size_t x = 0; x < width; ++x)
            for (std::size_t c = 0; c < channels; ++c)
                picture.pixels.push_back(static_cast<std::uint8_t>((y * (c + 1) + 2 * x + 40 * c) % 256));
    return picture;
}

} // namespace elbo::images::testing
