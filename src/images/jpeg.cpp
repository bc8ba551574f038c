// JPEG (ITU-T T.81) by libjpeg-turbo's TurboJPEG.
#include "base/error.hpp"
#include "images/codecs.hpp"

#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace elbo::images {

namespace {

/// Warnings about files that every viewer shows as they are meant; any other one is damage.
bool harmless(std::string_view warning) {
    constexpr std::array<std::string_view, 4> known = {"extraneous bytes before marker", "Invalid SOS parameters",
                                                       "unknown JFIF revision", "Unknown Adobe color transform"};
    return std::any_of(known.begin(), known.end(),
                       [&](std::string_view words) { return warning.find(words) != std::string_view::npos; });
}

} // namespace

bool is_jpeg(std::span<const std::byte> file) {
    return file.size() >= 3 && file[0] == std::byte{0xff} && file[1] == std::byte{0xd8} && file[2] == std::byte{0xff};
}

JpegDecoder::JpegDecoder() : handle_(nullptr, &tjDestroy) {}

/// Throws InputError with the reason where a call has failed. The decompressor is then given up: libjpeg-turbo 2.1
/// leaves it in the middle of the file.
void JpegDecoder::check(int result) {
    if (result == 0) return;
    const std::string message = tjGetErrorStr2(handle_.get());
    if (tjGetErrorCode(handle_.get()) == TJERR_WARNING && harmless(message)) return;
    handle_.reset();
    if (message.starts_with("Premature end")) reject("is a JPEG cut short ({})", message);
    reject("is a damaged JPEG ({})", message);
}

Samples JpegDecoder::decode(std::span<const std::byte> file, const Memory& memory) {
    if (!handle_) handle_.reset(tjInitDecompress());
    if (!handle_) fail("no memory for a JPEG decoder");
    const auto* const bytes = reinterpret_cast<const unsigned char*>(file.data());
    int width = 0, height = 0, subsampling = 0, colours = 0;
    check(tjDecompressHeader3(handle_.get(), bytes, file.size(), &width, &height, &subsampling, &colours));
    if (width == 0 || height == 0) reject("is a JPEG cut short (it holds tables and no image)");
    check_extent(static_cast<std::size_t>(height), static_cast<std::size_t>(width));
    if (colours == TJCS_CMYK || colours == TJCS_YCCK) reject("is a JPEG of CMYK colours, expected grey or RGB");

    const bool grey = colours == TJCS_GRAY;
    Samples samples = {
        static_cast<std::size_t>(height), static_cast<std::size_t>(width), grey ? 1u : 3u, grey, 1, nullptr};
    samples.first = memory(samples.height * samples.width * samples.channels);
    // Scans are limited since a progressive file of some kilobytes can hold enough of them for minutes of work.
    check(tjDecompress2(handle_.get(), bytes, file.size(), reinterpret_cast<unsigned char*>(samples.first), width, 0,
                        height, grey ? TJPF_GRAY : TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS));
    return samples;
}

} // namespace elbo::images
