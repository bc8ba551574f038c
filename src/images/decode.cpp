// Which codec reads a file, and from its samples to pixels of the depth that was asked for, all in the same memory.
#include "images/decode.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/codecs.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

namespace elbo::images {

namespace {

template <class Sample>
Sample load(const std::byte* samples, std::size_t i) {
    Sample value;
    std::memcpy(&value, samples + i * sizeof(Sample), sizeof(Sample));
    return value;
}

template <class Sample>
void store(std::byte* samples, std::size_t i, Sample value) {
    std::memcpy(samples + i * sizeof(Sample), &value, sizeof(Sample));
}

/// RGB and opacity a in [0, 1] to c a + white (1 - a), rounded; grey pictures to one channel. In place: never writes
/// beyond what it has read.
template <class Sample>
void over_white(Samples& samples) {
    constexpr std::uint64_t white = std::numeric_limits<Sample>::max();
    const std::size_t channels = samples.grey ? 1 : 3, pixels = samples.height * samples.width;
    for (std::size_t p = 0; p < pixels; ++p) {
        const std::uint64_t opacity = load<Sample>(samples.first, 4 * p + 3);
        for (std::size_t c = 0; c < channels; ++c) {
            const std::uint64_t value = load<Sample>(samples.first, 4 * p + c);
            const std::uint64_t shown = (value * opacity + white * (white - opacity) + white / 2) / white;
            store(samples.first, channels * p + c, static_cast<Sample>(shown));
        }
    }
    samples.channels = channels;
}

/// 65535 becomes 255: v / 257, rounded.
void narrow(std::byte* samples, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const unsigned value = load<std::uint16_t>(samples, i);
        store(samples, i, static_cast<std::uint8_t>((value + 128) / 257));
    }
}

/// 255 becomes 65535. From the last one on, since they take more room afterwards.
void widen(std::byte* samples, std::size_t count) {
    for (std::size_t i = count; i-- > 0;)
        store(samples, i, static_cast<std::uint16_t>(load<std::uint8_t>(samples, i) * 257));
}

std::string first_bytes(std::span<const std::byte> file) {
    std::string text;
    for (const std::byte byte : file.first(std::min<std::size_t>(file.size(), 4)))
        text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned>(byte));
    return text;
}

} // namespace

void check_extent(std::size_t height, std::size_t width) {
    if (height == 0 || width == 0) reject("has {} x {} pixels", height, width);
    if (std::max(height, width) > longest_side || height * width > most_pixels) {
        reject("claims {} x {} pixels, expected sides of at most {} and at most {} pixels", with_commas(height),
               with_commas(width), with_commas(longest_side), with_commas(most_pixels));
    }
}

struct Decoder::State {
    JpegDecoder jpeg;

    template <class Sample>
    void decode(std::span<const std::byte> file, BasicPicture<Sample>& out) {
        const Memory memory = [&](std::size_t bytes) {
            out.pixels.resize((bytes + sizeof(Sample) - 1) / sizeof(Sample));
            return reinterpret_cast<std::byte*>(out.pixels.data());
        };
        Samples samples;
        if (is_png(file)) {
            samples = decode_png(file, memory);
        } else if (is_jpeg(file)) {
            samples = jpeg.decode(file, memory);
        } else if (file.empty()) {
            reject("is empty, expected a PNG or JPEG image");
        } else {
            reject("begins with bytes {}, expected a PNG or JPEG image", first_bytes(file));
        }
        if (samples.channels == 4 && samples.bytes == 1) over_white<std::uint8_t>(samples);
        if (samples.channels == 4 && samples.bytes == 2) over_white<std::uint16_t>(samples);
        const std::size_t count = samples.height * samples.width * samples.channels;
        if (samples.bytes > sizeof(Sample)) narrow(samples.first, count);
        out.pixels.resize(count);
        if (samples.bytes < sizeof(Sample)) widen(reinterpret_cast<std::byte*>(out.pixels.data()), count);
        out.height = samples.height;
        out.width = samples.width;
        out.channels = samples.channels;
    }
};

Decoder::Decoder() : state_(std::make_unique<State>()) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;

void Decoder::decode(std::span<const std::byte> file, Picture& out) { state_->decode(file, out); }
void Decoder::decode(std::span<const std::byte> file, DeepPicture& out) { state_->decode(file, out); }

} // namespace elbo::images
