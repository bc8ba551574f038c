// Markov chains on the way from an encoder's posterior to the model's own: Hamiltonian Monte Carlo (Neal 2011, "MCMC
// using Hamiltonian dynamics", section 3.2) on log f_b(z) = (1 - b) log q(z | x) + b log p(x, z), a chain a row.
#pragma once

#include "model/vae.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::model {

/// Diagonal Gaussians q(z | x) of rows, [rows, latent] each.
struct Posteriors {
    Matrix<const float> mean, log_variance;
};

class PosteriorChains {
public:
    static constexpr std::size_t leapfrog_steps = 10;
    static constexpr double wanted_acceptance = 0.65; ///< where a step of the right length costs least (Neal, 4.4)
    /// In deviations of q. Longer ones would be accepted in a few dimensions, but near two deviations of the target a
    /// leapfrog step is no longer stable.
    static constexpr float first_step = 0.2f, least_step = 1e-4f, most_step = 1;

    /// For batches of at most max_rows rows.
    PosteriorChains(Vae& model, std::size_t max_rows);

    /// Chains of a batch, from codes z, [rows, latent]. Both are read until the next start.
    void start(const layers::Values& values, const Batch& batch, const Posteriors& posteriors, Matrix<const float> z);

    /// A transition under which f_b is invariant, in leapfrog steps of step[i] deviations of q for row i, a random
    /// fifth more or less, so that no direction comes back to where it was (Neal, 3.2). noise: of the momentum; whether
    /// it is accepted is drawn for another purpose, at the same place.
    void move(const layers::Values& values, double b, const Stream& noise, std::uint32_t draw,
              std::span<const float> step);
    /// Steps that would have come nearer to the wanted acceptance in the last move; rate: of their logarithm.
    void adapt(std::span<float> step, double rate) const;

    Matrix<const float> codes() const { return {z_.data(), rows_, latent_}; }
    /// log p(x, z) - log q(z | x) of a row where it stands.
    double log_ratio(std::size_t row) const { return log_ratio(row, codes().row(row), log_likelihood_[row]); }
    /// Of the last move: the probability with which the row's was accepted.
    double acceptance(std::size_t row) const { return acceptance_[row]; }

private:
    double log_ratio(std::size_t row, std::span<const float> z, double log_likelihood) const;
    double log_density(std::size_t row, double b, std::span<const float> z, double log_likelihood) const;
    /// momentum += share * step * deviation * gradient of log f_b, a row each.
    void push(double b, float share);
    void drift();
    void choose_lengths(const Stream& noise, std::uint32_t draw, std::span<const float> step);
    void accept(const Stream& noise, std::uint32_t draw);

    Vae& model_;
    std::size_t latent_, rows_ = 0;
    Batch batch_;
    Posteriors posteriors_;
    std::vector<float> deviation_, z_, slope_;                 ///< where chains are; slope: of log p(x | z) there
    std::vector<float> momentum_, proposed_, proposed_slope_;  ///< [rows, latent] each
    std::vector<float> length_;                                ///< of the move's steps, a row's
    std::vector<double> log_likelihood_, proposed_likelihood_; ///< a value a row
    std::vector<double> half_log_variances_, energy_, acceptance_;
};

} // namespace elbo::model
