#include "classical/gaussian_mixture.hpp"

#include "base/error.hpp"
#include "classical/cholesky.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <utility>

namespace elbo::classical {
namespace {

/// A component's part of an array [components, dimensions, dimensions].
template <class T>
Matrix<T> square_of(T* array, std::size_t component, std::size_t dimensions) {
    return {array + component * dimensions * dimensions, dimensions, dimensions};
}

/// Turns log terms into their shares of their sum, and returns its log. Terms may be minus infinity, not all of them.
double normalise(std::span<double> terms) {
    const double largest = *std::ranges::max_element(terms);
    double sum = 0;
    for (double& term : terms) sum += term = std::exp(term - largest);
    for (double& term : terms) term /= sum;
    return largest + std::log(sum);
}

} // namespace

GaussianMixture::GaussianMixture(MixtureParameters parameters)
    : parameters_(std::move(parameters)),
      factors_(parameters_.covariances.size()),
      whitening_(factors_.size()),
      log_constants_(parameters_.components()) {
    const std::size_t d = dimensions(), count = components();
    if (d == 0 || count == 0 || parameters_.means.size() != count * d || factors_.size() != count * d * d)
        throw std::logic_error("GaussianMixture: weights, means and covariances do not fit each other");
    for (std::size_t k = 0; k < count; ++k) {
        const Matrix<double> lower = square_of(factors_.data(), k, d);
        if (!cholesky(std::as_const(parameters_).covariance(k), lower))
            fail("the covariance of component {} of a Gaussian mixture is not positive definite", k);
        invert_lower(lower, square_of(whitening_.data(), k, d));
        log_constants_[k] =
            std::log(parameters_.weights[k]) - 0.5 * static_cast<double>(d) * std::log(2 * std::numbers::pi);
        for (std::size_t i = 0; i < d; ++i) log_constants_[k] -= std::log(lower(i, i));
    }
}

void GaussianMixture::squared_distances(std::size_t k, Matrix<const float> points, std::span<double> squares) const {
    const std::size_t d = dimensions(), rows = points.rows();
    const std::span<const double> mean = parameters_.mean(k);
    const Matrix<const double> whitening = square_of(whitening_.data(), k, d);
    // Points lie beside each other, so that loops over them are vectors' work and no sum changes its order.
    std::vector<double> centred(d * most_points);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < d; ++j) centred[j * most_points + i] = points(i, j) - mean[j];
    std::ranges::fill(squares, 0.0);
    for (std::size_t row = 0; row < d; ++row) {
        std::array<double, most_points> white{};
        for (std::size_t j = 0; j <= row; ++j) {
            const double factor = whitening(row, j);
            const double* from = centred.data() + j * most_points;
            for (std::size_t i = 0; i < most_points; ++i) white[i] += factor * from[i];
        }
        for (std::size_t i = 0; i < rows; ++i) squares[i] += white[i] * white[i];
    }
}

void GaussianMixture::explain(Matrix<const float> points, std::span<double> log_densities,
                              Matrix<double> responsibilities) const {
    if (points.rows() > most_points || points.columns() != dimensions())
        throw std::logic_error("GaussianMixture: points that do not fit");
    std::vector<double> squares(points.rows());
    for (std::size_t k = 0; k < components(); ++k) {
        squared_distances(k, points, squares);
        for (std::size_t i = 0; i < squares.size(); ++i) responsibilities(i, k) = log_constants_[k] - 0.5 * squares[i];
    }
    for (std::size_t i = 0; i < points.rows(); ++i) log_densities[i] = normalise(responsibilities.row(i));
}

double GaussianMixture::log_density(std::span<const float> point) const {
    double result = 0;
    std::vector<double> responsibilities(components());
    explain({point.data(), 1, point.size()}, {&result, 1}, {responsibilities.data(), 1, components()});
    return result;
}

void GaussianMixture::sample(const Stream& noise, std::uint64_t number, double temperature,
                             std::span<float> out) const {
    // Rounding may leave the last sum below 1; a component without weight is never chosen.
    double left = uniform(noise, number, 0);
    std::size_t chosen = 0;
    for (std::size_t k = 0; k < components() && left >= 0; ++k) {
        if (parameters_.weights[k] == 0) continue;
        chosen = k;
        left -= parameters_.weights[k];
    }
    std::vector<float> normals(dimensions());
    fill_normal(noise, number, 1, normals);
    const std::span<const double> mean = parameters_.mean(chosen);
    const Matrix<const double> factor = square_of(factors_.data(), chosen, dimensions());
    for (std::size_t i = 0; i < dimensions(); ++i) {
        double deviation = 0;
        for (std::size_t j = 0; j <= i; ++j) deviation += factor(i, j) * normals[j];
        out[i] = static_cast<float>(mean[i] + temperature * deviation);
    }
}

} // namespace elbo::classical
