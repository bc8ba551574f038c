#include "images/bicubic.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::images {
namespace {

double cubic(double distance) {
    const double x = std::abs(distance);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/// The middle one of three axes, factor times as long.
std::vector<double> stretched(std::span<const double> in, std::size_t outer, std::size_t length, std::size_t inner,
                              std::size_t factor) {
    std::vector<double> out(in.size() * factor);
    for (std::size_t o = 0; o < length * factor; ++o) {
        const double center = (static_cast<double>(o) + 0.5) / static_cast<double>(factor);
        const auto begin = static_cast<std::size_t>(std::max(center - 1.5, 0.0));
        const std::size_t end = std::min(length, static_cast<std::size_t>(center + 2.5));
        double sum = 0;
        for (std::size_t i = begin; i < end; ++i) sum += cubic(static_cast<double>(i) + 0.5 - center);
        for (std::size_t i = begin; i < end; ++i) {
            const double weight = cubic(static_cast<double>(i) + 0.5 - center) / sum;
            for (std::size_t a = 0; a < outer; ++a)
                for (std::size_t b = 0; b < inner; ++b)
                    out[(a * length * factor + o) * inner + b] += weight * in[(a * length + i) * inner + b];
        }
    }
    return out;
}

} // namespace

std::vector<float> enlarge_bicubic(const Shape& shape, std::size_t factor, std::span<const float> image) {
    const std::size_t height = shape[0], width = shape[1], channels = shape.size() == 3 ? shape[2] : 1;
    const std::vector<double> values(image.begin(), image.end());
    const std::vector<double> wide = stretched(values, height, width, channels, factor);
    const std::vector<double> large = stretched(wide, 1, height, width * factor * channels, factor);
    return {large.begin(), large.end()};
}

} // namespace elbo::images
