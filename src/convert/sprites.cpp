// Images made from known factors, after dSprites (Matthey et al. 2017): one shape, white or of some hue, on black,
// drawn with 4 x 4 samples a pixel. A sample follows from seed, part (train or test) and its number alone, however many
// are made.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "convert/generated.hpp"
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

/// Parts train and test of images x, outlines y and the factors that they were made from.
class SpritesSource : public Source {
public:
    explicit SpritesSource(const Request& request)
        : size_(request.size.value_or(64)),
          seed_(request.seed),
          colour_(request.colour),
          known_(columns.size() - (request.colour ? 0 : 1)),
          grey_(size_ * size_) {
        if (size_ < smallest_size || size_ > largest_size) {
            reject("--size {}: expected {} to {} pixels", size_, smallest_size, largest_size);
        }
        parts_ = generated_parts(
            request, {
                         {"x", colour_ ? Shape{size_, size_, 3} : Shape{size_, size_}, storage::ElementType::u8, {}},
                         {"y", {}, storage::ElementType::u8, {"square", "ellipse", "heart"}},
                         {"factors", {known_}, storage::ElementType::f32, {}},
                     });
    }

    const std::vector<Part>& parts() const override { return parts_; }
    bool divisible() const override { return true; }

    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override {
        const std::size_t image_bytes = rows[0].size() / count;
        for (std::size_t i = 0; i < count; ++i) {
            const Factors factors = draw_factors(seed_, begin + i, static_cast<std::uint32_t>(part));
            draw_image(factors, size_, grey_);
            const auto bytes = rows[0].subspan(i * image_bytes, image_bytes);
            const std::span image(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size());
            if (colour_)
                colour(factors.hue, grey_, image);
            else
                std::ranges::copy(grey_, image.begin());
            rows[1][i] = static_cast<std::byte>(factors.outline);
            const std::array all = {factors.outline, factors.scale, factors.rotation,
                                    factors.x,       factors.y,     factors.hue};
            std::ranges::copy(std::as_bytes(std::span(all).first(known_)),
                              rows[2].begin() + i * known_ * sizeof(float));
        }
        return {};
    }

    std::vector<Note> notes() const override {
        return {{"", "seed", std::to_string(seed_)},
                {"factors", "columns", fmt::format("{}", fmt::join(std::span(columns).first(known_), ", "))}};
    }

private:
    std::size_t size_;
    std::uint32_t seed_;
    bool colour_;
    std::size_t known_; ///< of the columns, those that are written
    std::vector<Part> parts_;
    std::vector<std::uint8_t> grey_; ///< an image before it is coloured
};

std::unique_ptr<Source> open_sprites(const Request& request) { return std::make_unique<SpritesSource>(request); }

bool recognises_sprites(const std::string& source) { return source == "sprites"; }

} // namespace

Format sprites_format() {
    return {"sprites",
            "made images with known factors (shape, scale, rotation, x, y, with --colour hue)",
            recognises_sprites,
            open_sprites,
            {"--train", "--test", "--size", "--colour"}};
}

} // namespace elbo::convert
