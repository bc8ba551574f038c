// PNG (ISO/IEC 15948) and JPEG (ITU-T T.81) from memory to pixels, for files that nobody vouches for.
#pragma once

#include "images/picture.hpp"

#include <cstddef>
#include <memory>
#include <span>

namespace elbo::images {

/// No image has more pixels, so that decoding one, 9 bytes a pixel at the worst, takes no more than 216 MiB.
constexpr std::size_t most_pixels = std::size_t{24} << 20;
/// libjpeg's own limit, for PNG too.
constexpr std::size_t longest_side = 65500;

/// Decodes images one after the other. Grey stays grey, palettes become RGB, what is transparent shows white behind it;
/// gamma, profiles and EXIF's orientation are left aside.
class Decoder {
public:
    Decoder();
    ~Decoder();
    Decoder(Decoder&&) noexcept;

    /// The pixels of a file's bytes, 16-bit ones rounded to 8. Throws InputError with the reason alone ("ends before
    /// its pixels do"), to which the caller adds the name: no PNG or JPEG, damaged, cut short, too large (known before
    /// memory is taken), of colours other than grey and RGB.
    void decode(std::span<const std::byte> file, Picture& out);
    /// The same with 16 bits; 8-bit ones times 257.
    void decode(std::span<const std::byte> file, DeepPicture& out);

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace elbo::images
