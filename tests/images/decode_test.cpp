// PNG and JPEG from memory: every kind of pixel that they know, and what is refused before memory is taken.
#include "images/decode.hpp"

#include "base/error.hpp"
#include "images/encode.hpp"
#include "support/files.hpp"

#include <cmath>
#include <cstring>

namespace elbo::images {
namespace {

using elbo::testing::message_of;
using testing::gradient;
using testing::jpeg;
using testing::png;
using testing::PngKind;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

Picture decoded(const std::string& file) {
    Picture picture;
    Decoder().decode(bytes_of(file), picture);
    EXPECT_EQ(picture.pixels.size(), picture.height * picture.width * picture.channels);
    return picture;
}

DeepPicture decoded_deep(const std::string& file) {
    DeepPicture picture;
    Decoder().decode(bytes_of(file), picture);
    EXPECT_EQ(picture.pixels.size(), picture.height * picture.width * picture.channels);
    return picture;
}

std::string refusal(const std::string& file) {
    return message_of<InputError>([&] { decoded(file); });
}

/// 16-bit samples in native order.
std::vector<std::uint8_t> deep(const std::vector<std::uint16_t>& values) {
    std::vector<std::uint8_t> bytes(values.size() * 2);
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

void put_number(std::string& file, std::size_t at, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) file[at + i] = static_cast<char>(value >> (8 * (3 - i)));
}

TEST(DecodePng, GreyAndColourPixelForPixel) {
    for (const std::size_t channels : {1, 3}) {
        const Picture picture = gradient(19, 33, channels), found = decoded(png(picture));
        EXPECT_EQ(found.height, 19u);
        EXPECT_EQ(found.width, 33u);
        EXPECT_EQ(found.channels, channels);
        EXPECT_EQ(found.pixels, picture.pixels);
        const DeepPicture wide = decoded_deep(png(picture));
        for (std::size_t i = 0; i < picture.pixels.size(); ++i) ASSERT_EQ(wide.pixels[i], picture.pixels[i] * 257);
    }
}

TEST(DecodePng, InterlacedAndFewBits) {
    const Picture picture = gradient(21, 17, 3);
    EXPECT_EQ(decoded(png(21, 17, {SPNG_COLOR_TYPE_TRUECOLOR, 8, true, {}, {}}, picture.pixels)).pixels,
              picture.pixels);
    // Five pixels of one bit: 1 0 1 1 0; three of four bits: 0 8 15.
    EXPECT_EQ(decoded(png(1, 5, {SPNG_COLOR_TYPE_GRAYSCALE, 1, false, {}, {}}, {0b10110000})).pixels,
              (std::vector<std::uint8_t>{255, 0, 255, 255, 0}));
    EXPECT_EQ(decoded(png(1, 3, {SPNG_COLOR_TYPE_GRAYSCALE, 4, false, {}, {}}, {0x08, 0xf0})).pixels,
              (std::vector<std::uint8_t>{0, 136, 255}));
}

TEST(DecodePng, SixteenBits) {
    const std::vector<std::uint16_t> values = {0, 128, 129, 257, 40000, 65535};
    const std::string grey = png(2, 3, {SPNG_COLOR_TYPE_GRAYSCALE, 16, false, {}, {}}, deep(values));
    EXPECT_EQ(decoded_deep(grey).pixels, values);
    EXPECT_EQ(decoded_deep(grey).channels, 1u);
    EXPECT_EQ(decoded(grey).pixels, (std::vector<std::uint8_t>{0, 0, 1, 1, 156, 255})) << "v / 257, rounded";
    const std::string colour = png(2, 1, {SPNG_COLOR_TYPE_TRUECOLOR, 16, false, {}, {}}, deep(values));
    EXPECT_EQ(decoded_deep(colour).pixels, values);
    EXPECT_EQ(decoded(colour).channels, 3u);
}

TEST(DecodePng, PalettesBecomeColours) {
    const std::vector<spng_plte_entry> palette = {{10, 20, 30, 255}, {200, 100, 0, 255}};
    const Picture found = decoded(png(1, 3, {SPNG_COLOR_TYPE_INDEXED, 8, false, palette, {}}, {0, 1, 0}));
    EXPECT_EQ(found.channels, 3u);
    EXPECT_EQ(found.pixels, (std::vector<std::uint8_t>{10, 20, 30, 200, 100, 0, 10, 20, 30}));
}

TEST(DecodePng, WhatIsTransparentIsShownOnWhite) {
    const std::vector<spng_plte_entry> palette = {{10, 20, 30, 255}, {200, 100, 0, 255}};
    EXPECT_EQ(decoded(png(1, 2, {SPNG_COLOR_TYPE_INDEXED, 8, false, palette, {0}}, {0, 1})).pixels,
              (std::vector<std::uint8_t>{255, 255, 255, 200, 100, 0}));
    const Picture colour = decoded(
        png(1, 3, {SPNG_COLOR_TYPE_TRUECOLOR_ALPHA, 8, false, {}, {}}, {1, 2, 3, 255, 1, 2, 3, 0, 100, 0, 50, 51}));
    EXPECT_EQ(colour.channels, 3u);
    EXPECT_EQ(colour.pixels, (std::vector<std::uint8_t>{1, 2, 3, 255, 255, 255, 224, 204, 214})) << "51 / 255 = 1 / 5";
    const Picture grey = decoded(png(1, 2, {SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 8, false, {}, {}}, {9, 255, 100, 51}));
    EXPECT_EQ(grey.channels, 1u);
    EXPECT_EQ(grey.pixels, (std::vector<std::uint8_t>{9, 224}));
    const std::string sixteen =
        png(1, 2, {SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, 16, false, {}, {}}, deep({1000, 65535, 20000, 0}));
    EXPECT_EQ(decoded_deep(sixteen).pixels, (std::vector<std::uint16_t>{1000, 65535}));
    EXPECT_EQ(decoded(sixteen).pixels, (std::vector<std::uint8_t>{4, 255}));
}

TEST(DecodeJpeg, GreyAndColourWithinTheCodecsError) {
    for (const std::size_t channels : {1, 3}) {
        for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
            Picture picture = gradient(24, 40, channels);
            for (auto& pixel : picture.pixels) pixel = static_cast<std::uint8_t>(pixel / 2); // no edges
            const Picture found = decoded(jpeg(picture, flags));
            ASSERT_EQ(found.pixels.size(), picture.pixels.size());
            EXPECT_EQ(found.channels, channels);
            double error = 0;
            for (std::size_t i = 0; i < found.pixels.size(); ++i)
                error += std::abs(found.pixels[i] - picture.pixels[i]);
            EXPECT_LT(error / static_cast<double>(found.pixels.size()), 3) << "quality 95";
            const DeepPicture wide = decoded_deep(jpeg(picture, flags));
            for (std::size_t i = 0; i < found.pixels.size(); ++i) ASSERT_EQ(wide.pixels[i], found.pixels[i] * 257);
        }
    }
}

TEST(Decode, OneDecoderReadsOneImageAfterTheOther) {
    Decoder decoder;
    Picture picture;
    decoder.decode(bytes_of(png(gradient(9, 9, 3))), picture);
    EXPECT_THROW(decoder.decode(bytes_of(std::string("\xff\xd8\xff, no more")), picture), InputError);
    decoder.decode(bytes_of(jpeg(gradient(5, 7, 1))), picture);
    EXPECT_EQ(picture.channels, 1u);
    EXPECT_EQ(picture.pixels.size(), 35u);
    decoder.decode(bytes_of(png(gradient(3, 3, 1))), picture);
    EXPECT_EQ(picture.pixels, gradient(3, 3, 1).pixels);
}

TEST(Decode, EveryCutIsNoticed) {
    for (const std::string& whole :
         {png(gradient(20, 20, 3)), jpeg(gradient(20, 20, 3)), jpeg(gradient(20, 20, 1), TJFLAG_PROGRESSIVE)}) {
        decoded(whole);
        for (std::size_t size = 8; size < whole.size() - 4; ++size) { // the last four: the checksum of PNG's end
            const std::string message = refusal(whole.substr(0, size));
            EXPECT_TRUE(message.find("cut short") != std::string::npos || message.find("damaged") != std::string::npos)
                << size << " of " << whole.size() << ": " << message;
        }
    }
    EXPECT_CONTAINS(refusal(png(gradient(20, 20, 3)).substr(0, 80)), "is a PNG cut short");
    EXPECT_CONTAINS(refusal(jpeg(gradient(20, 20, 3)).substr(0, 700)), "is a JPEG cut short");
}

TEST(Decode, DamageIsNoticed) {
    std::string file = png(gradient(20, 20, 3));
    file[60] ^= 1; // within the pixels: the chunk's CRC is wrong
    EXPECT_CONTAINS(refusal(file), "is a damaged PNG");
    file = png(gradient(20, 20, 3));
    file[29] ^= 1; // the header's checksum
    EXPECT_CONTAINS(refusal(file), "is a damaged PNG");
}

TEST(Decode, OtherFilesAreNamedByTheirFirstBytes) {
    EXPECT_CONTAINS(refusal("GIF89a"), "begins with bytes 47 49 46 38, expected a PNG or JPEG image");
    EXPECT_CONTAINS(refusal("x"), "begins with bytes 78");
    EXPECT_CONTAINS(refusal(""), "is empty");
}

TEST(Decode, ImagesThatClaimTooMuchAreRefusedBeforeMemoryIsTaken) {
    // Width and height stand at 16 and 20; the header's CRC has to fit, so it is computed anew.
    const auto claimed = [&](std::uint32_t width, std::uint32_t height) {
        PngKind kind;
        kind.bit_depth = 1;
        std::string text = png(1, 8, kind, {0});
        put_number(text, 16, width);
        put_number(text, 20, height);
        std::uint32_t crc = 0xffffffff;
        for (std::size_t i = 12; i < 29; ++i) {
            crc ^= static_cast<unsigned char>(text[i]);
            for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        }
        put_number(text, 29, ~crc);
        return refusal(text);
    };
    EXPECT_CONTAINS(claimed(30000, 30000),
                    "claims 30,000 x 30,000 pixels, expected sides of at most 65,500 and at most "
                    "25,165,824 pixels");
    EXPECT_CONTAINS(claimed(70000, 1), "sides of at most 65,500");
    EXPECT_CONTAINS(claimed(0x7fffffff, 0x7fffffff), "claims");
    EXPECT_CONTAINS(claimed(8, 2), "cut short") << "within the limit: it is what follows that is missing";

    std::string photo = jpeg(gradient(16, 16, 3));
    const std::size_t frame = photo.find("\xff\xc0"); // height at 5, width at 7
    ASSERT_NE(frame, std::string::npos);
    for (const std::size_t at : {5, 6, 7, 8}) photo[frame + at] = '\x7f';
    EXPECT_CONTAINS(refusal(photo), "claims 32,639 x 32,639 pixels");
}

TEST(Decode, CmykIsRefused) {
    const std::unique_ptr<void, int (*)(void*)> handle(tjInitCompress(), tjDestroy);
    const std::vector<unsigned char> pixels(8 * 8 * 4, 77);
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    ASSERT_EQ(tjCompress2(handle.get(), pixels.data(), 8, 0, 8, TJPF_CMYK, &bytes, &size, TJSAMP_444, 90, 0), 0);
    EXPECT_CONTAINS(refusal({reinterpret_cast<const char*>(bytes), size}), "CMYK colours, expected grey or RGB");
    tjFree(bytes);
}

} // namespace
} // namespace elbo::images
