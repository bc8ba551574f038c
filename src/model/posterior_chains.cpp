#include "model/posterior_chains.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::model {

PosteriorChains::PosteriorChains(Vae& model, std::size_t max_rows)
    : model_(model),
      latent_(model.latent()),
      length_(max_rows),
      log_likelihood_(max_rows),
      proposed_likelihood_(max_rows),
      half_log_variances_(max_rows),
      energy_(max_rows),
      acceptance_(max_rows) {
    for (std::vector<float>* codes : {&deviation_, &z_, &slope_, &momentum_, &proposed_, &proposed_slope_})
        codes->resize(max_rows * latent_);
}

void PosteriorChains::start(const layers::Values& values, const Batch& batch, const Posteriors& posteriors,
                            Matrix<const float> z) {
    rows_ = batch.samples.size();
    batch_ = {batch.x.first_rows(rows_), batch.samples};
    posteriors_ = posteriors;
    for (std::size_t i = 0; i < rows_; ++i) {
        double sum = 0;
        for (std::size_t d = 0; d < latent_; ++d) {
            const double log_variance = posteriors.log_variance(i, d);
            deviation_[i * latent_ + d] = static_cast<float>(std::exp(0.5 * log_variance));
            sum += 0.5 * log_variance;
        }
        half_log_variances_[i] = sum;
        std::ranges::copy(z.row(i), z_.begin() + static_cast<std::ptrdiff_t>(i * latent_));
    }
    model_.likelihood_gradient(values, codes(), batch_.x, {}, std::span(log_likelihood_).first(rows_),
                               {slope_.data(), rows_, latent_});
}

/// Constants of both Gaussians are the same and cancel.
double PosteriorChains::log_ratio(std::size_t row, std::span<const float> z, double log_likelihood) const {
    const float* deviation = &deviation_[row * latent_];
    double sum = 0;
    for (std::size_t d = 0; d < latent_; ++d) {
        const double code = z[d], distance = (code - posteriors_.mean(row, d)) / deviation[d];
        sum += distance * distance - code * code;
    }
    return log_likelihood + 0.5 * sum + half_log_variances_[row];
}

double PosteriorChains::log_density(std::size_t row, double b, std::span<const float> z, double log_likelihood) const {
    double squares = 0;
    for (const float code : z) squares += static_cast<double>(code) * code;
    return log_likelihood - 0.5 * squares - (1 - b) * log_ratio(row, z, log_likelihood);
}

void PosteriorChains::push(double b, float share) {
    const auto of_model = static_cast<float>(b), of_posterior = static_cast<float>(1 - b);
    for (std::size_t i = 0; i < rows_; ++i) {
        const float length = share * length_[i];
        const std::span<const float> mean = posteriors_.mean.row(i);
        for (std::size_t d = 0; d < latent_; ++d) {
            const std::size_t at = i * latent_ + d;
            const float to_mean = (mean[d] - proposed_[at]) / (deviation_[at] * deviation_[at]);
            const float gradient = of_posterior * to_mean + of_model * (proposed_slope_[at] - proposed_[at]);
            momentum_[at] += length * deviation_[at] * gradient;
        }
    }
}

void PosteriorChains::drift() {
    for (std::size_t i = 0; i < rows_; ++i)
        for (std::size_t at = i * latent_; at < (i + 1) * latent_; ++at)
            proposed_[at] += length_[i] * deviation_[at] * momentum_[at];
}

void PosteriorChains::move(const layers::Values& values, double b, const Stream& noise, std::uint32_t draw,
                           std::span<const float> step) {
    const Stream chance{noise.seed, Purpose::chain_acceptance, noise.epoch};
    choose_lengths(chance, draw, step);
    fill_normal_rows(noise, batch_.samples, draw, {momentum_.data(), rows_, latent_});
    const auto kinetic = [&](std::size_t row) {
        double squares = 0;
        for (std::size_t at = row * latent_; at < (row + 1) * latent_; ++at)
            squares += static_cast<double>(momentum_[at]) * momentum_[at];
        return 0.5 * squares;
    };
    for (std::size_t i = 0; i < rows_; ++i)
        energy_[i] = kinetic(i) - log_density(i, b, codes().row(i), log_likelihood_[i]);
    std::copy_n(z_.begin(), rows_ * latent_, proposed_.begin());
    std::copy_n(slope_.begin(), rows_ * latent_, proposed_slope_.begin());
    const Matrix<float> proposed(proposed_.data(), rows_, latent_);
    push(b, 0.5f);
    for (std::size_t leap = 1; leap <= leapfrog_steps; ++leap) {
        drift();
        model_.likelihood_gradient(values, proposed, batch_.x, {}, std::span(proposed_likelihood_).first(rows_),
                                   {proposed_slope_.data(), rows_, latent_});
        push(b, leap < leapfrog_steps ? 1.0f : 0.5f);
    }
    for (std::size_t i = 0; i < rows_; ++i) {
        const double change = kinetic(i) - log_density(i, b, proposed.row(i), proposed_likelihood_[i]) - energy_[i];
        acceptance_[i] = std::isfinite(change) ? std::min(1.0, std::exp(-change)) : 0;
    }
    accept(chance, draw);
}

/// The second number of a move's chance; the first decides on its acceptance.
void PosteriorChains::choose_lengths(const Stream& noise, std::uint32_t draw, std::span<const float> step) {
    constexpr float least = 0.8f, range = 0.4f;
    for (std::size_t i = 0; i < rows_; ++i) {
        float uniform[2] = {};
        fill_uniform(noise, batch_.samples[i], draw, uniform);
        length_[i] = step[i] * (least + range * uniform[1]);
    }
}

void PosteriorChains::accept(const Stream& noise, std::uint32_t draw) {
    for (std::size_t i = 0; i < rows_; ++i) {
        float uniform = 0;
        fill_uniform(noise, batch_.samples[i], draw, {&uniform, 1});
        if (!(uniform < acceptance_[i])) continue;
        std::copy_n(&proposed_[i * latent_], latent_, &z_[i * latent_]);
        std::copy_n(&proposed_slope_[i * latent_], latent_, &slope_[i * latent_]);
        log_likelihood_[i] = proposed_likelihood_[i];
    }
}

void PosteriorChains::adapt(std::span<float> step, double rate) const {
    for (std::size_t i = 0; i < rows_; ++i) {
        const double factor = std::exp(rate * (acceptance_[i] - wanted_acceptance));
        step[i] = std::clamp(static_cast<float>(step[i] * factor), least_step, most_step);
    }
}

} // namespace elbo::model
