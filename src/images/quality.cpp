#include "images/quality.hpp"

#include "images/picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace elbo::images {
namespace {

constexpr std::size_t full_window = 11, smallest_window = 3;
constexpr double sigma = 1.5;
constexpr double luminance_constant = 0.01 * 0.01, contrast_constant = 0.03 * 0.03; ///< (K L)^2 with L = 1
constexpr std::array scale_weights = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
constexpr double most_decibels = 100;

/// One channel of an image.
struct Plane {
    std::size_t height = 0, width = 0;
    std::vector<double> values;
};

Plane channel_of(std::span<const float> image, std::size_t height, std::size_t width, std::size_t channels,
                 std::size_t channel) {
    Plane plane{height, width, std::vector<double>(height * width)};
    for (std::size_t i = 0; i < plane.values.size(); ++i) plane.values[i] = image[i * channels + channel];
    return plane;
}

Plane product(const Plane& a, const Plane& b) {
    Plane out = a;
    for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] *= b.values[i];
    return out;
}

/// Weighted means over the windows that lie within the plane.
Plane windows_of(const Plane& in, std::span<const double> weights) {
    const std::size_t window = weights.size(), width = in.width - window + 1, height = in.height - window + 1;
    std::vector<double> across(in.height * width);
    for (std::size_t y = 0; y < in.height; ++y)
        for (std::size_t x = 0; x < width; ++x)
            for (std::size_t k = 0; k < window; ++k)
                across[y * width + x] += weights[k] * in.values[y * in.width + x + k];
    Plane out{height, width, std::vector<double>(height * width)};
    for (std::size_t y = 0; y < height; ++y)
        for (std::size_t k = 0; k < window; ++k)
            for (std::size_t x = 0; x < width; ++x)
                out.values[y * width + x] += weights[k] * across[(y + k) * width + x];
    return out;
}

/// Means over an image's windows.
struct Likeness {
    double ssim = 0, contrast_structure = 0;
};

Likeness likeness(const Plane& a, const Plane& b, std::span<const double> weights) {
    const Plane mean_a = windows_of(a, weights), mean_b = windows_of(b, weights);
    const Plane aa = windows_of(product(a, a), weights), bb = windows_of(product(b, b), weights);
    const Plane ab = windows_of(product(a, b), weights);
    Likeness sum;
    for (std::size_t i = 0; i < ab.values.size(); ++i) {
        const double x = mean_a.values[i], y = mean_b.values[i];
        const double variances = aa.values[i] - x * x + bb.values[i] - y * y, covariance = ab.values[i] - x * y;
        const double luminance = (2 * x * y + luminance_constant) / (x * x + y * y + luminance_constant);
        const double contrast_structure = (2 * covariance + contrast_constant) / (variances + contrast_constant);
        sum.ssim += luminance * contrast_structure;
        sum.contrast_structure += contrast_structure;
    }
    const auto count = static_cast<double>(ab.values.size());
    return {sum.ssim / count, sum.contrast_structure / count};
}

Plane halved(const Plane& in) {
    Plane out{(in.height + 1) / 2, (in.width + 1) / 2, {}};
    for (std::size_t y = 0; y < in.height; y += 2)
        for (std::size_t x = 0; x < in.width; x += 2) {
            const std::size_t down = std::min(y + 1, in.height - 1), right = std::min(x + 1, in.width - 1);
            // At an odd end a pixel counts twice, and the mean is that of those there are.
            out.values.push_back((in.values[y * in.width + x] + in.values[y * in.width + right] +
                                  in.values[down * in.width + x] + in.values[down * in.width + right]) /
                                 4);
        }
    return out;
}

std::vector<double> window_weights(std::size_t shorter) {
    const std::size_t window = std::min(full_window, shorter - (shorter + 1) % 2), middle = window / 2;
    std::vector<double> weights(window);
    for (std::size_t k = 0; k < window; ++k) {
        const double distance = static_cast<double>(k) - static_cast<double>(middle);
        weights[k] = std::exp(-0.5 * distance * distance / (sigma * sigma));
    }
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight /= sum;
    return weights;
}

} // namespace

double mean_squared_error(std::span<const float> a, std::span<const float> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = static_cast<double>(a[i]) - b[i];
        sum += difference * difference;
    }
    return sum / static_cast<double>(a.size());
}

double peak_signal_to_noise(double mse, double range) {
    const double least = range * range * std::pow(10, -most_decibels / 10);
    return 10 * std::log10(range * range / std::max(mse, least));
}

bool Similarity::takes(const Shape& shape) {
    return (shape.size() == 2 || shape.size() == 3) && std::min(shape[0], shape[1]) >= smallest_window;
}

Similarity::Similarity(const Shape& shape)
    : height_(shape[0]),
      width_(shape[1]),
      channels_(shape.size() == 3 ? shape[2] : 1),
      weights_(window_weights(std::min(height_, width_))) {
    for (std::size_t side = std::min(height_, width_); (side + 1) / 2 >= full_window && scales_ < scale_weights.size();
         side = (side + 1) / 2)
        ++scales_;
}

Similarity::Values Similarity::compare(std::span<const float> a, std::span<const float> b) const {
    const double weight_sum = std::accumulate(scale_weights.begin(), scale_weights.begin() + scales_, 0.0);
    Values sum;
    for (std::size_t channel = 0; channel < channels_; ++channel) {
        Plane x = channel_of(a, height_, width_, channels_, channel);
        Plane y = channel_of(b, height_, width_, channels_, channel);
        double over_scales = 1;
        for (std::size_t scale = 0; scale < scales_; ++scale) {
            const Likeness found = likeness(x, y, weights_);
            if (scale == 0) sum.ssim += found.ssim;
            const double counted = scale + 1 < scales_ ? found.contrast_structure : found.ssim;
            over_scales *= std::pow(std::max(counted, 0.0), scale_weights[scale] / weight_sum);
            if (scale + 1 == scales_) break;
            x = halved(x);
            y = halved(y);
        }
        sum.multi_scale += over_scales;
    }
    const auto channels = static_cast<double>(channels_);
    return {sum.ssim / channels, sum.multi_scale / channels};
}

Comparison::Comparison(const Shape& shape, double least, double greatest)
    : least_(least), range_(greatest > least ? greatest - least : 1) {
    if (is_image(shape) && Similarity::takes(shape)) similarity_.emplace_back(shape);
}

Quality Comparison::of(std::span<const float> truth, std::span<const float> other) const {
    Quality quality;
    quality.mse = mean_squared_error(truth, other);
    if (!images()) return quality;
    quality.psnr = peak_signal_to_noise(quality.mse, range_);
    std::vector<float> a(truth.begin(), truth.end()), b(other.begin(), other.end());
    for (std::vector<float>* values : {&a, &b})
        for (float& value : *values) value = static_cast<float>((value - least_) / range_);
    const Similarity::Values found = similarity().compare(a, b);
    quality.ssim = found.ssim;
    quality.multi_scale = found.multi_scale;
    return quality;
}

} // namespace elbo::images
