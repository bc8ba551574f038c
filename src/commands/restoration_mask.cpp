// Files that say what of an image is observed.
#include "commands/restoration_task.hpp"
#include "convert/npy.hpp"
#include "data/types.hpp"
#include "images/decode.hpp"
#include "storage/files.hpp"

#include <algorithm>
#include <cstring>

namespace elbo::commands {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

struct Read {
    Shape shape;
    std::vector<float> present; ///< 1 where an element is not 0
};

Read read_npy(const std::string& file, const std::string& text) {
    const std::span<const std::byte> bytes = bytes_of(text);
    std::size_t place = 0;
    const convert::NpyHeader header = convert::read_npy_header(file, [&](std::span<std::byte> out) {
        const std::size_t count = std::min(out.size(), bytes.size() - place);
        std::memcpy(out.data(), bytes.data() + place, count);
        place += count;
        return count;
    });
    if (bytes.size() != header.header_bytes + header.data_bytes())
        reject("--mask {}: has {} bytes, expected {} for {} elements", file, bytes.size(),
               header.header_bytes + header.data_bytes(), describe(header.shape));
    const auto array = convert::npy_array(file, header, [&](std::size_t offset, std::span<std::byte> out) {
        std::memcpy(out.data(), bytes.data() + header.header_bytes + offset, out.size());
    });
    std::vector<std::byte> values(elements(header.shape) * storage::bytes_of(header.type));
    array->read(0, values);
    Read read{header.shape, {}};
    data::with_type(header.type, [&](auto zero) {
        for (const auto value : data::values_of<decltype(zero)>(values))
            read.present.push_back(value != zero ? 1.0f : 0.0f);
    });
    return read;
}

Read read_picture(const std::string& file, const std::string& text) {
    images::Picture picture;
    try {
        images::Decoder().decode(bytes_of(text), picture);
    } catch (const InputError& error) {
        reject("--mask {}: {}; expected a PNG or an .npy", file, error.what());
    }
    Read read{{picture.height, picture.width}, {}};
    for (std::size_t pixel = 0; pixel < picture.height * picture.width; ++pixel) {
        const auto own = std::span(picture.pixels).subspan(pixel * picture.channels, picture.channels);
        read.present.push_back(std::ranges::any_of(own, [](std::uint8_t value) { return value != 0; }) ? 1.0f : 0.0f);
    }
    return read;
}

} // namespace

std::vector<float> read_mask(const std::string& file, const Shape& image) {
    const std::string text = storage::read_text(file);
    const Read read = text.starts_with(convert::npy_magic) ? read_npy(file, text) : read_picture(file, text);
    const Shape plane = {image[0], image[1]};
    if (read.shape != plane && read.shape != image)
        reject("--mask {}: is of {}, but the model's images are of {}", file, describe(read.shape), describe(image));
    const std::size_t each = elements(image) / read.present.size();
    std::vector<float> observed;
    for (const float present : read.present) observed.insert(observed.end(), each, present);
    return observed;
}

} // namespace elbo::commands
