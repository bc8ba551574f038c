#include "images/resize.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace elbo::images {

namespace {

constexpr std::size_t largest_side = 65536;

/// How an axis of n pixels becomes one of m: output o is the sum over k of weights[first[o] + k] * input[begin[o] + k],
/// divided by `total`, the sum of an output's weights.
struct Axis {
    std::vector<std::size_t> begin, first; ///< first has m + 1
    std::vector<std::uint64_t> weights;
    std::uint64_t total = 1;

    std::span<const std::uint64_t> weights_of(std::size_t o) const {
        return {weights.data() + first[o], first[o + 1] - first[o]};
    }
};

/// Means over intervals: in units of 1 / m input o begins at o n, pixel i covers [i m, (i + 1) m).
Axis shrinking(std::size_t n, std::size_t m) {
    Axis axis;
    axis.total = n;
    for (std::size_t o = 0; o < m; ++o) {
        const std::size_t left = o * n, right = left + n;
        axis.begin.push_back(left / m);
        axis.first.push_back(axis.weights.size());
        for (std::size_t i = left / m; i * m < right; ++i)
            axis.weights.push_back(std::min((i + 1) * m, right) - std::max(i * m, left));
    }
    axis.first.push_back(axis.weights.size());
    return axis;
}

/// Linear between neighbours: (o + 1/2) n / m - 1/2 = ((2 o + 1) n - m) / 2 m.
Axis growing(std::size_t n, std::size_t m) {
    Axis axis;
    axis.total = 2 * m;
    for (std::size_t o = 0; o < m; ++o) {
        const std::size_t scaled = (2 * o + 1) * n;
        const std::size_t position = std::min(scaled < m ? 0 : scaled - m, 2 * m * (n - 1));
        const std::size_t pixel = position / (2 * m), rest = position % (2 * m);
        axis.begin.push_back(pixel);
        axis.first.push_back(axis.weights.size());
        axis.weights.push_back(2 * m - rest);
        if (rest > 0) axis.weights.push_back(rest);
    }
    axis.first.push_back(axis.weights.size());
    return axis;
}

Axis axis_of(std::size_t n, std::size_t m) {
    if (m == 0 || m > largest_side) fail("an image cannot be resized to a side of {} pixels", m);
    return n > m ? shrinking(n, m) : growing(n, m);
}

/// One line of the input in the output's width, before the division by across.total.
template <class Sample>
void resize_line(const Sample* line, std::size_t channels, const Axis& across, std::vector<std::uint64_t>& out) {
    const std::size_t width = across.begin.size();
    for (std::size_t o = 0; o < width; ++o) {
        const std::span weights = across.weights_of(o);
        for (std::size_t c = 0; c < channels; ++c) {
            std::uint64_t sum = 0;
            const Sample* pixel = line + across.begin[o] * channels + c;
            for (std::size_t k = 0; k < weights.size(); ++k) sum += weights[k] * pixel[k * channels];
            out[o * channels + c] = sum;
        }
    }
}

} // namespace

template <class Sample>
void resize(const BasicPicture<Sample>& in, std::size_t height, std::size_t width, BasicPicture<Sample>& out) {
    const Axis down = axis_of(in.height, height), across = axis_of(in.width, width);
    const std::size_t channels = in.channels, line = width * channels;
    out.height = height;
    out.width = width;
    out.channels = channels;
    out.pixels.resize(height * line);

    // Output lines share at most two lines of the input with the next one: these are kept.
    struct Kept {
        std::size_t number = SIZE_MAX;
        std::vector<std::uint64_t> values;
    };
    std::array<Kept, 2> kept;
    for (Kept& one : kept) one.values.resize(line);
    std::vector<std::uint64_t> sums(line);
    const std::uint64_t total = down.total * across.total;
    for (std::size_t o = 0; o < height; ++o) {
        std::fill(sums.begin(), sums.end(), total / 2);
        const std::span weights = down.weights_of(o);
        for (std::size_t k = 0; k < weights.size(); ++k) {
            const std::size_t number = down.begin[o] + k;
            Kept& own = kept[number % 2];
            if (own.number != number) {
                resize_line(in.pixels.data() + number * in.width * channels, channels, across, own.values);
                own.number = number;
            }
            for (std::size_t i = 0; i < line; ++i) sums[i] += weights[k] * own.values[i];
        }
        for (std::size_t i = 0; i < line; ++i) out.pixels[o * line + i] = static_cast<Sample>(sums[i] / total);
    }
}

template <class Sample>
void make_grey(BasicPicture<Sample>& picture) {
    if (picture.channels == 1) return;
    const std::size_t pixels = picture.height * picture.width;
    for (std::size_t p = 0; p < pixels; ++p) {
        const Sample* rgb = picture.pixels.data() + 3 * p;
        const std::uint64_t luma =
            std::uint64_t{19595} * rgb[0] + std::uint64_t{38470} * rgb[1] + std::uint64_t{7471} * rgb[2] + 32768;
        picture.pixels[p] = static_cast<Sample>(luma >> 16);
    }
    picture.pixels.resize(pixels);
    picture.channels = 1;
}

template <class Sample>
void make_colour(BasicPicture<Sample>& picture) {
    if (picture.channels == 3) return;
    const std::size_t pixels = picture.height * picture.width;
    picture.pixels.resize(3 * pixels);
    for (std::size_t p = pixels; p-- > 0;) {
        const Sample grey = picture.pixels[p];
        std::fill_n(picture.pixels.begin() + static_cast<std::ptrdiff_t>(3 * p), 3, grey);
    }
    picture.channels = 3;
}

template void resize(const Picture&, std::size_t, std::size_t, Picture&);
template void resize(const DeepPicture&, std::size_t, std::size_t, DeepPicture&);
template void make_grey(Picture&);
template void make_grey(DeepPicture&);
template void make_colour(Picture&);
template void make_colour(DeepPicture&);

} // namespace elbo::images
