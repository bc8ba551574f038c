#include "classical/ppca.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace elbo::classical {
namespace {

/// D ln 2 pi + ln |C|: C has the components' variances, and sigma^2 in every other direction.
double constant_of(const Ppca& model) {
    const auto features = static_cast<double>(model.axes.mean.size());
    double sum = features * std::log(2 * std::numbers::pi);
    for (const double variance : model.axes.variances) sum += std::log(variance);
    return sum + (features - static_cast<double>(model.axes.size())) * std::log(model.variance);
}

} // namespace

std::optional<Ppca> fit_ppca(const Covariance& moments, std::size_t latents) {
    const std::size_t features = moments.mean.size();
    if (latents >= features) return {};
    Ppca model{principal_components(moments, latents)};
    const double kept = std::accumulate(model.axes.variances.begin(), model.axes.variances.end(), 0.0);
    model.variance = (model.axes.total_variance - kept) / static_cast<double>(features - latents);
    if (!(model.variance > 1e-12 * model.axes.total_variance)) return {};
    return model;
}

std::vector<double> Ppca::weights() const {
    const std::size_t features = axes.mean.size(), latents = axes.size();
    std::vector<double> w(features * latents);
    for (std::size_t k = 0; k < latents; ++k) {
        const double scale = std::sqrt(std::max(axes.variances[k] - variance, 0.0));
        for (std::size_t j = 0; j < features; ++j) w[j * latents + k] = scale * axes.components[k * features + j];
    }
    return w;
}

double Ppca::log_density(std::span<const float> x) const {
    const std::size_t features = axes.mean.size();
    double squares = 0, within = 0; // lengths: of all of x - mean, and of its components in units of their variances
    for (std::size_t j = 0; j < features; ++j) squares += (x[j] - axes.mean[j]) * (x[j] - axes.mean[j]);
    for (std::size_t k = 0; k < axes.size(); ++k) {
        double along = 0;
        for (std::size_t j = 0; j < features; ++j) along += axes.components[k * features + j] * (x[j] - axes.mean[j]);
        squares -= along * along;
        within += along * along / axes.variances[k];
    }
    return -0.5 * (constant_of(*this) + within + squares / variance);
}

double Ppca::mean_log_density(const Covariance& moments) const {
    const std::size_t features = axes.mean.size();
    // As above, with (x - mean)(x - mean)^T replaced by its mean over the samples.
    const auto second = [&](std::size_t i, std::size_t j) {
        return moments.covariance[i * features + j] +
               (moments.mean[i] - axes.mean[i]) * (moments.mean[j] - axes.mean[j]);
    };
    double squares = 0, within = 0;
    for (std::size_t j = 0; j < features; ++j) squares += second(j, j);
    for (std::size_t k = 0; k < axes.size(); ++k) {
        const double* const axis = &axes.components[k * features];
        double along = 0;
        for (std::size_t i = 0; i < features; ++i)
            for (std::size_t j = 0; j < features; ++j) along += axis[i] * axis[j] * second(i, j);
        squares -= along;
        within += along / axes.variances[k];
    }
    return -0.5 * (constant_of(*this) + within + squares / variance);
}

} // namespace elbo::classical
