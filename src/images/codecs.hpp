// What decode.cpp puts together: samples as a codec's library leaves them in memory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace elbo::images {

/// Samples in the order height, width, channels.
struct Samples {
    std::size_t height = 0, width = 0;
    std::size_t channels = 1;   ///< 1: grey, 3: RGB, 4: RGB and opacity
    bool grey = false;          ///< of 4 channels: red, green and blue are alike
    std::size_t bytes = 1;      ///< of a sample, 1 or 2, native byte order
    std::byte* first = nullptr; ///< in the memory that was asked for
};

/// Gives memory for so many bytes, once an image's size is known and within the limit.
using Memory = std::function<std::byte*(std::size_t bytes)>;

/// Throws InputError with the reason alone where there are none, or more than most_pixels.
void check_extent(std::size_t height, std::size_t width);

bool is_png(std::span<const std::byte> file);
Samples decode_png(std::span<const std::byte> file, const Memory& memory);

bool is_jpeg(std::span<const std::byte> file);
/// libjpeg-turbo's decompressor, kept from image to image.
class JpegDecoder {
public:
    JpegDecoder();
    Samples decode(std::span<const std::byte> file, const Memory& memory);

private:
    void check(int result);
    std::unique_ptr<void, int (*)(void*)> handle_;
};

} // namespace elbo::images
