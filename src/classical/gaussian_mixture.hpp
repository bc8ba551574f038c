// Gaussian mixtures p(x) = sum_k weight_k N(x; mean_k, covariance_k) with full covariances (Bishop 2006, "Pattern
// recognition and machine learning", section 9.2): their densities, who is responsible for a point, and samples.
#pragma once

#include "numerics/random.hpp"
#include "numerics/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elbo::classical {

/// What a mixture is made of, a component after the other.
struct MixtureParameters {
    std::size_t dimensions = 0;
    std::vector<double> weights;     ///< [components], not negative, with the sum 1
    std::vector<double> means;       ///< [components, dimensions]
    std::vector<double> covariances; ///< [components, dimensions, dimensions], symmetric

    std::size_t components() const { return weights.size(); }
    std::span<const double> mean(std::size_t k) const { return std::span(means).subspan(k * dimensions, dimensions); }
    Matrix<const double> covariance(std::size_t k) const {
        return {covariances.data() + k * dimensions * dimensions, dimensions, dimensions};
    }
    Matrix<double> covariance(std::size_t k) {
        return {covariances.data() + k * dimensions * dimensions, dimensions, dimensions};
    }
};

class GaussianMixture {
public:
    /// Throws std::logic_error where sizes do not fit each other, Error where a covariance is not positive definite.
    explicit GaussianMixture(MixtureParameters parameters);

    const MixtureParameters& parameters() const { return parameters_; }
    std::size_t components() const { return parameters_.components(); }
    std::size_t dimensions() const { return parameters_.dimensions; }

    /// Some points at a time: densities go through memory fastest so.
    static constexpr std::size_t most_points = 64;

    /// log_densities[i] = log p(x_i) in nats, and responsibilities(i, k) = p(component k | x_i). points: [rows,
    /// dimensions], at most most_points rows; responsibilities: [rows, components].
    void explain(Matrix<const float> points, std::span<double> log_densities, Matrix<double> responsibilities) const;

    /// log p(x) of one point.
    double log_density(std::span<const float> point) const;

    /// Sample `number` of a stream: a component by the weights, then its mean + temperature * L * normals with L L^T
    /// its covariance.
    void sample(const Stream& noise, std::uint64_t number, double temperature, std::span<float> out) const;

private:
    /// squares[i] = (x_i - mean_k)^T covariance_k^-1 (x_i - mean_k).
    void squared_distances(std::size_t k, Matrix<const float> points, std::span<double> squares) const;

    MixtureParameters parameters_;
    std::vector<double> factors_;       ///< [components, dimensions, dimensions]: L
    std::vector<double> whitening_;     ///< the same: L^-1
    std::vector<double> log_constants_; ///< [components]: log weight - log |L| - dimensions / 2 log 2 pi
};

} // namespace elbo::classical
