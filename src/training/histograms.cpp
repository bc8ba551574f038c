#include "training/histograms.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::training {
namespace {

/// Edges are sinh(i * width): even near 0, growing by a factor far from it; the outermost near 10,000.
constexpr double width = 0.05;
constexpr std::size_t half = 198, bins = 2 * half;

std::size_t bin_of(float value) {
    const double place = std::floor(std::asinh(static_cast<double>(value)) / width) + static_cast<double>(half);
    return static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(bins - 1)));
}

} // namespace

PosteriorHistograms::PosteriorHistograms(std::size_t latent) : latent_(latent), counts_(2 * latent * bins) {
    for (std::size_t i = 0; i <= bins; ++i)
        edges_.push_back(std::sinh((static_cast<double>(i) - static_cast<double>(half)) * width));
}

std::size_t PosteriorHistograms::bytes(std::size_t latent) { return 2 * latent * bins * sizeof(double); }

std::size_t PosteriorHistograms::place(Of what, std::size_t dimension) const {
    return (static_cast<std::size_t>(what) * latent_ + dimension) * bins;
}

void PosteriorHistograms::add(Of what, Matrix<const float> values) {
    for (std::size_t i = 0; i < values.rows(); ++i)
        for (std::size_t d = 0; d < latent_; ++d)
            if (!std::isnan(values(i, d))) ++counts_[place(what, d) + bin_of(values(i, d))];
}

void PosteriorHistograms::add(Matrix<const float> mean, Matrix<const float> log_variance) {
    add(Of::mean, mean);
    add(Of::log_variance, log_variance);
}

void PosteriorHistograms::sum(const comm::Communicator& world) { world.sum(std::span(counts_)); }

std::span<const double> PosteriorHistograms::counts(Of what, std::size_t dimension) const {
    return std::span(counts_).subspan(place(what, dimension), bins);
}

std::vector<double> PosteriorHistograms::counts(Of what) const {
    std::vector<double> all(bins);
    for (std::size_t d = 0; d < latent_; ++d)
        std::ranges::transform(all, counts(what, d), all.begin(), [](double a, double b) { return a + b; });
    return all;
}

} // namespace elbo::training
