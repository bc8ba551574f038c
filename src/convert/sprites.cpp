// Images made from known factors, after dSprites (Matthey et al. 2017): one shape, white or of some hue, on black,
// drawn with 4 x 4 samples a pixel. A sample follows from seed, part (train or test) and its number alone, however many
// are made.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "numerics/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace elbo::convert {

namespace {

constexpr std::size_t smallest_size = 8, largest_size = 1024;
constexpr std::size_t subsamples = 4;  ///< a side of a pixel
constexpr float largest_radius = 0.2f; ///< of a shape at scale 1, in image sides
constexpr float margin = 0.22f;        ///< from the image's edge to the nearest centre
constexpr std::array columns = {"shape", "scale", "rotation", "x", "y", "hue"}; ///< the last one of colours alone

enum class Outline { square, ellipse, heart };

/// What an image is made from, in the order of `columns`: outline 0 to 2, scale 0.5 to 1, rotation 0 to 2 pi
/// counter-clockwise, x from left and y from top 0 to 1, hue 0 to 1 from red over green and blue to red.
struct Factors {
    float outline, scale, rotation, x, y, hue;
};
static_assert(sizeof(Factors) == columns.size() * sizeof(float));

Factors draw_factors(std::uint32_t seed, std::size_t sample, std::uint32_t part) {
    std::array<float, columns.size()> u{};
    fill_uniform({seed, Purpose::synthesis, 0}, sample, part, u);
    return {std::floor(3 * u[0]), 0.5f + 0.5f * u[1], 2 * std::numbers::pi_v<float> * u[2], u[3], u[4], u[5]};
}

// Whether a point lies inside an outline, whose farthest point is at distance 1 from the origin.
struct Square {
    static bool inside(float u, float v) {
        constexpr float half = 0.70710678f;
        return std::max(std::abs(u), std::abs(v)) < half;
    }
};
struct Ellipse {
    static bool inside(float u, float v) { return u * u + 4 * v * v < 1; }
};
/// (x^2 + y^2 - 1)^3 < x^2 y^3, brought to the unit circle.
struct Heart {
    static bool inside(float u, float v) {
        constexpr float enlarge = 1.295f, up = 0.18f;
        const float x = enlarge * u, y = enlarge * v + up;
        const float a = x * x + y * y - 1;
        return a * a * a < x * x * y * y * y;
    }
};

/// Where an outline stands: centre and radius in pixels.
struct Place {
    float x, y, radius, cosine, sine;
};

/// image: [size, size], zeros.
template <class Form>
void draw(const Place& place, std::size_t size, std::span<std::uint8_t> image) {
    const auto first = [](float at) { return static_cast<std::size_t>(std::max(std::floor(at), 0.f)); };
    const auto last = [&](float at) { return std::min(static_cast<std::size_t>(std::ceil(at)), size); };
    const std::size_t left = first(place.x - place.radius), right = last(place.x + place.radius);
    const std::size_t top = first(place.y - place.radius), bottom = last(place.y + place.radius);
    const std::size_t width = (right - left) * subsamples;
    constexpr float step = 1.f / subsamples;
    const float unit = 1 / place.radius;

    std::array<std::uint8_t, largest_size * subsamples> covered;
    for (std::size_t row = top; row < bottom; ++row) {
        std::fill_n(covered.begin(), width, std::uint8_t{0});
        for (std::size_t k = 0; k < subsamples; ++k) {
            const float up = (place.y - static_cast<float>(row) - (static_cast<float>(k) + 0.5f) * step) * unit;
            const float from = (static_cast<float>(left) + 0.5f * step - place.x) * unit, along = step * unit;
            for (std::size_t i = 0; i < width; ++i) {
                const float across = from + along * static_cast<float>(static_cast<int>(i));
                const float u = place.cosine * across + place.sine * up;
                const float v = place.cosine * up - place.sine * across;
                covered[i] = static_cast<std::uint8_t>(covered[i] + Form::inside(u, v));
            }
        }
        std::uint8_t* out = image.data() + row * size + left;
        constexpr unsigned all = subsamples * subsamples;
        for (std::size_t i = 0; i < width; i += subsamples) {
            unsigned count = 0;
            for (std::size_t k = 0; k < subsamples; ++k) count += covered[i + k];
            *out++ = static_cast<std::uint8_t>((255 * count + all / 2) / all);
        }
    }
}

void draw_image(const Factors& factors, std::size_t size, std::span<std::uint8_t> image) {
    const auto side = static_cast<float>(size);
    const auto centre = [&](float position) { return (margin + (1 - 2 * margin) * position) * side; };
    const Place place{centre(factors.x), centre(factors.y), largest_radius * factors.scale * side,
                      std::cos(factors.rotation), std::sin(factors.rotation)};
    std::fill(image.begin(), image.end(), std::uint8_t{0});
    switch (static_cast<Outline>(static_cast<int>(factors.outline))) {
    case Outline::square:
        return draw<Square>(place, size, image);
    case Outline::ellipse:
        return draw<Ellipse>(place, size, image);
    case Outline::heart:
        return draw<Heart>(place, size, image);
    }
}

/// coloured: [pixels, 3], the shape in its hue at full brightness (Smith 1978, "Color gamut transform pairs").
void colour(float hue, std::span<const std::uint8_t> grey, std::span<std::uint8_t> coloured) {
    constexpr float saturation = 0.8f;
    std::array<float, 3> rgb{};
    for (std::size_t channel = 0; channel < 3; ++channel) {
        // Of red, 1 within a sixth of hue 0, 0 beyond a third; of green and blue a third and two thirds further.
        const float turned = hue - static_cast<float>(channel) / 3;
        const float distance = 6 * std::abs(turned - std::round(turned));
        rgb[channel] = 1 - saturation + saturation * std::clamp(2 - distance, 0.f, 1.f);
    }
    for (std::size_t i = 0; i < grey.size(); ++i)
        for (std::size_t channel = 0; channel < 3; ++channel)
            coloured[3 * i + channel] =
                static_cast<std::uint8_t>(std::lround(rgb[channel] * static_cast<float>(grey[i])));
}

/// The columns of the factors, a row a sample.
std::vector<float> written(std::span<const Factors> factors, std::size_t column_count) {
    std::vector<float> rows;
    for (const Factors& f : factors) {
        const std::array all = {f.outline, f.scale, f.rotation, f.x, f.y, f.hue};
        rows.insert(rows.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(column_count));
    }
    return rows;
}

/// Datasets <folder>/x, y and factors of `count` samples.
void make_part(const Request& request, const std::string& folder, std::uint32_t part, std::size_t count,
               storage::DatasetFileWriter& out, const std::function<void(std::size_t)>& made) {
    const std::size_t size = request.size, pixels = size * size;
    const std::size_t channels = request.colour ? 3 : 1, known = columns.size() - (request.colour ? 0 : 1);
    const Shape shape = request.colour ? Shape{count, size, size, channels} : Shape{count, size, size};
    const std::string x = folder + "/x", y = folder + "/y", factors_name = folder + "/factors";
    out.create(x, shape, storage::ElementType::u8);
    out.create(y, {count}, storage::ElementType::u8);
    out.create(factors_name, {count, known}, storage::ElementType::f32);
    out.attribute(y, "names", "0: square, 1: ellipse, 2: heart");
    out.attribute(factors_name, "columns", fmt::format("{}", fmt::join(std::span(columns).first(known), ", ")));

    const std::size_t piece = storage::chunk_rows(shape, storage::ElementType::u8);
    std::vector<std::uint8_t> images(piece * pixels * channels), labels(piece), grey(pixels);
    std::vector<Factors> factors(piece);
    for (std::size_t begin = 0; begin < count; begin += piece) {
        const std::size_t rows = std::min(piece, count - begin);
        for (std::size_t i = 0; i < rows; ++i) {
            factors[i] = draw_factors(request.seed, begin + i, part);
            labels[i] = static_cast<std::uint8_t>(factors[i].outline);
            draw_image(factors[i], size, grey);
            const std::span<std::uint8_t> image = std::span(images).subspan(i * pixels * channels, pixels * channels);
            if (request.colour)
                colour(factors[i].hue, grey, image);
            else
                std::ranges::copy(grey, image.begin());
        }
        out.write_rows(x, begin, rows, std::as_bytes(std::span(images).first(rows * pixels * channels)));
        out.write_rows(y, begin, rows, std::as_bytes(std::span(labels).first(rows)));
        const std::vector<float> kept = written(std::span(factors).first(rows), known);
        out.write_rows(factors_name, begin, rows, std::as_bytes(std::span(kept)));
        made(begin + rows);
    }
}

void convert_sprites(const Request& request, storage::DatasetFileWriter& out, const Progress& progress) {
    if (request.size < smallest_size || request.size > largest_size) {
        reject("--size {}: expected {} to {} pixels", request.size, smallest_size, largest_size);
    }
    if (request.train == 0) reject("--train 0: expected at least one sample");
    const std::size_t total = request.train + request.test;
    make_part(request, "/train", 0, request.train, out, [&](std::size_t done) { progress(done, total); });
    if (request.test > 0) {
        make_part(request, "/test", 1, request.test, out,
                  [&](std::size_t done) { progress(request.train + done, total); });
    }
    out.attribute("/", "seed", std::to_string(request.seed));
}

bool recognises_sprites(const std::string& source) { return source == "sprites"; }

} // namespace

Format sprites_format() {
    return {"sprites", "made images with known factors (shape, scale, rotation, x, y, with --colour hue)",
            recognises_sprites, convert_sprites};
}

} // namespace elbo::convert
