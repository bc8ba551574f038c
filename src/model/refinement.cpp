#include "model/refinement.hpp"

#include "model/posterior.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::model {
namespace {

constexpr double first_decay = 0.9, second_decay = 0.99, least_deviation = 1e-8;

} // namespace

PosteriorRefinement::PosteriorRefinement(std::size_t max_rows, std::size_t latent)
    : latent_(latent), value_(max_rows), kl_(max_rows) {
    for (std::vector<float>* values : {&heads_, &diff_heads_, &first_moment_, &second_moment_})
        values->resize(max_rows * 2 * latent);
    for (std::vector<float>* values : {&noise_, &z_, &diff_z_}) values->resize(max_rows * latent);
}

void PosteriorRefinement::load(Matrix<const float> mean, Matrix<const float> log_variance) {
    for (std::size_t i = 0; i < mean.rows(); ++i) {
        const auto row = heads_.begin() + static_cast<std::ptrdiff_t>(2 * latent_ * i);
        std::ranges::copy(mean.row(i), row);
        std::ranges::copy(log_variance.row(i), row + static_cast<std::ptrdiff_t>(latent_));
    }
}

void PosteriorRefinement::draw(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples,
                               const Stream& noise, std::size_t number) {
    const std::size_t rows = samples.size();
    const Matrix<float> noise_rows = rows_of(noise_, rows, latent_), z = rows_of(z_, rows, latent_);
    fill_normal_rows(noise, samples, static_cast<std::uint32_t>(number), noise_rows);
    sample_posterior(rows_of(heads_, rows, 2 * latent_), noise_rows, z, kl_);
    likelihood(z, std::span(value_).first(rows), rows_of(diff_z_, rows, latent_));
}

void PosteriorRefinement::refine(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples,
                                 const Stream& noise, std::size_t steps, Matrix<float> mean,
                                 Matrix<float> log_variance) {
    const std::size_t rows = samples.size();
    load(mean, log_variance);
    std::ranges::fill(first_moment_, 0.0f);
    std::ranges::fill(second_moment_, 0.0f);
    for (std::size_t number = 0; number < steps; ++number) {
        draw(likelihood, samples, noise, number);
        for (float& d : std::span(diff_z_).first(rows * latent_)) d = -d; // what backpropagate_posterior() descends
        backpropagate_posterior(rows_of(heads_, rows, 2 * latent_), rows_of(noise_, rows, latent_),
                                rows_of(diff_z_, rows, latent_), 1, rows_of(diff_heads_, rows, 2 * latent_));
        step(number, steps, rows);
    }
    for (std::size_t i = 0; i < rows; ++i) {
        const std::span<const float> row(&heads_[2 * latent_ * i], 2 * latent_);
        std::ranges::copy(row.first(latent_), mean.row(i).begin());
        std::ranges::transform(row.subspan(latent_), log_variance.row(i).begin(), bounded_log_variance);
    }
}

void PosteriorRefinement::step(std::size_t number, std::size_t steps, std::size_t rows) {
    const double rate = first_rate * (1 - static_cast<double>(number) / static_cast<double>(steps));
    const auto taken = static_cast<double>(number + 1);
    const double first_correction = 1 - std::pow(first_decay, taken);
    const double second_correction = 1 - std::pow(second_decay, taken);
    for (std::size_t at = 0; at < rows * 2 * latent_; ++at) {
        const double gradient = diff_heads_[at];
        const double first = first_decay * first_moment_[at] + (1 - first_decay) * gradient;
        const double second = second_decay * second_moment_[at] + (1 - second_decay) * gradient * gradient;
        first_moment_[at] = static_cast<float>(first);
        second_moment_[at] = static_cast<float>(second);
        const double deviation = std::sqrt(second / second_correction) + least_deviation;
        heads_[at] -= static_cast<float>(rate * first / first_correction / deviation);
    }
}

void PosteriorRefinement::bound(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples,
                                const Stream& noise, std::size_t draws, Matrix<const float> mean,
                                Matrix<const float> log_variance, std::span<double> out) {
    load(mean, log_variance);
    std::ranges::fill(out.first(samples.size()), 0.0);
    for (std::size_t number = 0; number < draws; ++number) {
        draw(likelihood, samples, noise, number);
        for (std::size_t i = 0; i < samples.size(); ++i) out[i] += (value_[i] - kl_[i]) / static_cast<double>(draws);
    }
}

} // namespace elbo::model
