// The aggregate posterior q(z) = 1/N sum_n q(z | x_n), and what the KL of a VAE consists of by it (Hoffman & Johnson
// 2016, "ELBO surgery"; Chen, Li, Grosse & Duvenaud 2018, "Isolating sources of disentanglement", section 2).
#pragma once

#include "numerics/memory.hpp"
#include "numerics/view.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::model {

class AggregatePosterior {
public:
    /// Of N diagonal Gaussians: [N, latent] each.
    AggregatePosterior(Matrix<const float> mean, Matrix<const float> log_variance);

    std::size_t samples() const { return samples_; }
    /// What log_densities() gives of a code: log p(z), log q(z | x_n), log q(z), and log q(z_d) of each dimension.
    std::size_t columns() const { return first_dimension + latent_; }
    static constexpr std::size_t first_dimension = 3;
    /// out: [rows, columns()], nats. z: [rows, latent], draws for the samples from `first` on, one each.
    void log_densities(std::size_t first, Matrix<const float> z, Matrix<double> out);

    /// Of some samples, [latent, samples] each. highest: [latent], no less than a dimension's log_peak.
    struct Gaussians {
        Matrix<const float> mean, half_precision, log_peak;
        std::span<const float> highest;
    };

private:
    /// Of as many codes as are taken at once.
    void densities_of(std::size_t first, Matrix<const float> z, Matrix<double> out);
    /// joint, sums: what all samples gave for this code.
    void finish(std::size_t n, std::span<const float> z, std::span<const float> joint, std::span<const double> sums,
                std::span<double> out) const;

    std::size_t samples_, latent_;
    std::size_t step_;                               ///< samples_ in whole cache lines
    AlignedFloats mean_, half_precision_, log_peak_; ///< [latent, step], so that a dimension's are side by side
    std::vector<float> highest_;                     ///< of a dimension's log_peak
    AlignedFloats joint_;                            ///< [codes at once, step], of the codes in question
    std::vector<double> sums_;                       ///< [codes at once, latent], of theirs
};

/// E KL(q(z | x) || p(z)) = mutual_information + total_correlation + dimension_wise, in nats.
struct KlSplit {
    double mutual_information = 0; ///< of a sample's number and its code: E log q(z | x) - E log q(z), log N at most
    double total_correlation = 0;  ///< E log q(z) - sum_d E log q(z_d)
    double dimension_wise = 0;     ///< sum_d KL(q(z_d) || p(z_d))
    double kl() const { return mutual_information + total_correlation + dimension_wise; }
};

/// By the means over samples, [columns()], of log_densities() at a draw of each. The parts are of the same draws, so
/// that they add up to the KL of these.
KlSplit split_kl(std::span<const double> mean_log_densities);

/// So many of a dataset's samples that the split, whose work grows with their square, takes seconds.
std::size_t split_samples(std::size_t samples, std::size_t latent);

} // namespace elbo::model
