#include "model/observation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace elbo::model {
namespace {

/// Each row so many times.
std::vector<float> repeated(std::span<const float> rows, std::size_t width, std::size_t times) {
    std::vector<float> all;
    all.reserve(rows.size() * times);
    for (std::size_t begin = 0; begin < rows.size(); begin += width)
        for (std::size_t k = 0; k < times; ++k)
            all.insert(all.end(), rows.begin() + static_cast<std::ptrdiff_t>(begin),
                       rows.begin() + static_cast<std::ptrdiff_t>(begin + width));
    return all;
}

/// Blocks of an image: block_of(element) for all elements of a sample.
std::vector<std::size_t> blocks_of(const Shape& image, std::size_t factor) {
    const std::size_t channels = image.size() == 3 ? image[2] : 1, across = image[1] / factor;
    std::vector<std::size_t> blocks;
    for (std::size_t y = 0; y < image[0]; ++y)
        for (std::size_t x = 0; x < image[1]; ++x)
            for (std::size_t c = 0; c < channels; ++c)
                blocks.push_back((y / factor * across + x / factor) * channels + c);
    return blocks;
}

/// log N(y; means, variance) of one code, and its gradient by the decoded image.
double gaussian(const ObservedMeans& seen, std::span<const std::size_t> blocks, std::span<const float> y,
                std::span<const float> image, std::span<float> diff_image) {
    const std::vector<float> means = block_means(seen.image, seen.factor, image);
    double squares = 0;
    std::vector<double> residuals(means.size());
    for (std::size_t b = 0; b < means.size(); ++b) {
        residuals[b] = static_cast<double>(y[b]) - means[b];
        squares += residuals[b] * residuals[b];
    }
    const double share = 1 / (static_cast<double>(seen.factor * seen.factor) * seen.variance());
    for (std::size_t i = 0; i < image.size(); ++i) diff_image[i] = static_cast<float>(residuals[blocks[i]] * share);
    return -0.5 * (squares / seen.variance() +
                   static_cast<double>(means.size()) * std::log(2 * std::numbers::pi * seen.variance()));
}

} // namespace

Shape block_shape(const Shape& image, std::size_t factor) {
    Shape shape = image;
    shape[0] /= factor;
    shape[1] /= factor;
    return shape;
}

std::vector<float> block_means(const Shape& image, std::size_t factor, std::span<const float> x) {
    if (factor == 1) return {x.begin(), x.end()};
    const std::vector<std::size_t> blocks = blocks_of(image, factor);
    std::vector<double> sums(x.size() / (factor * factor));
    for (std::size_t i = 0; i < x.size(); ++i) sums[blocks[i]] += x[i];
    std::vector<float> means;
    for (const double sum : sums) means.push_back(static_cast<float>(sum / static_cast<double>(factor * factor)));
    return means;
}

void observed_gradient(Vae& model, const layers::Values& values, const Observation& observation, std::size_t codes,
                       Matrix<const float> z, std::span<double> out, Matrix<float> diff_z) {
    const std::size_t width = model.dimensions();
    if (const auto* const elements = std::get_if<ObservedElements>(&observation)) {
        const std::vector<float> x = repeated(elements->x, width, codes);
        const std::vector<float> observed = repeated(elements->observed, width, codes);
        model.likelihood_gradient(values, z, {x.data(), z.rows(), width}, {observed.data(), z.rows(), width}, out,
                                  diff_z);
        return;
    }
    const auto& seen = std::get<ObservedMeans>(observation);
    const std::vector<std::size_t> blocks = blocks_of(seen.image, seen.factor);
    const std::size_t count = elements(block_shape(seen.image, seen.factor));
    model.mean_gradient(
        values, z,
        [&](std::size_t first, Matrix<const float> mean, Matrix<float> diff_mean) {
            for (std::size_t i = 0; i < mean.rows(); ++i) {
                const std::size_t row = first + i;
                out[row] = gaussian(seen, blocks, std::span(seen.y).subspan(row / codes * count, count), mean.row(i),
                                    diff_mean.row(i));
            }
        },
        diff_z);
}

void condition(const Vae& model, const Observation& observation, std::size_t sample, std::span<float> image) {
    if (const auto* const known = std::get_if<ObservedElements>(&observation)) {
        for (std::size_t d = 0; d < image.size(); ++d)
            if (known->observed[sample * image.size() + d] != 0) image[d] = known->x[sample * image.size() + d];
        return;
    }
    const auto& seen = std::get<ObservedMeans>(observation);
    const std::vector<std::size_t> blocks = blocks_of(seen.image, seen.factor);
    const std::vector<float> means = block_means(seen.image, seen.factor, image);
    const std::span<const float> y = std::span(seen.y).subspan(sample * means.size(), means.size());
    const auto share = static_cast<float>(seen.residual_variance / seen.variance());
    const auto [least, greatest] = model.support();
    for (std::size_t d = 0; d < image.size(); ++d) {
        const float moved = image[d] + share * (y[blocks[d]] - means[blocks[d]]);
        image[d] = static_cast<float>(std::clamp(static_cast<double>(moved), least, greatest));
    }
}

} // namespace elbo::model
