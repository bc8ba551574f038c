// Any bytes as a JPEG, resized and made grey besides: pixels, or a reason.
#include "base/error.hpp"
#include "images/decode.hpp"
#include "images/resize.hpp"

#include <cstdlib>

using namespace elbo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static images::Decoder decoder;
    images::Picture picture, resized;
    try {
        decoder.decode(std::as_bytes(std::span(data, size)), picture);
    } catch (const InputError&) {
        return 0;
    }
    if (picture.pixels.size() != picture.height * picture.width * picture.channels) std::abort();
    images::make_grey(picture);
    images::resize(picture, 7, 31, resized);
    if (resized.pixels.size() != std::size_t{7} * 31) std::abort();
    return 0;
}
