#include "model/interpolation.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::model {
namespace {

constexpr double least_sine = 1e-4;

double angle_between(std::span<const float> a, std::span<const float> b) {
    double product = 0, a_square = 0, b_square = 0;
    for (std::size_t d = 0; d < a.size(); ++d) {
        product += static_cast<double>(a[d]) * b[d];
        a_square += static_cast<double>(a[d]) * a[d];
        b_square += static_cast<double>(b[d]) * b[d];
    }
    const double lengths = std::sqrt(a_square * b_square);
    return lengths > 0 ? std::acos(std::clamp(product / lengths, -1.0, 1.0)) : 0;
}

} // namespace

std::vector<float> interpolate(std::span<const float> a, std::span<const float> b, std::size_t steps, Way way) {
    const double angle = way == Way::spherical ? angle_between(a, b) : 0, sine = std::sin(angle);
    std::vector<float> codes;
    for (std::size_t step = 0; step < steps; ++step) {
        const double t = static_cast<double>(step) / static_cast<double>(steps - 1);
        const bool linear = sine < least_sine;
        const double of_a = linear ? 1 - t : std::sin((1 - t) * angle) / sine;
        const double of_b = linear ? t : std::sin(t * angle) / sine;
        for (std::size_t d = 0; d < a.size(); ++d) codes.push_back(static_cast<float>(of_a * a[d] + of_b * b[d]));
    }
    return codes;
}

} // namespace elbo::model
