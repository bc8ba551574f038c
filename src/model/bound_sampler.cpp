#include "model/bound_sampler.hpp"

#include "model/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace elbo::model {

void LogSum::add(double term) {
    if (term <= largest_) {
        if (std::isfinite(term)) sum_ += std::exp(term - largest_);
        return;
    }
    sum_ = sum_ * std::exp(largest_ - term) + 1;
    largest_ = term;
}

double LogSum::value() const { return largest_ + std::log(sum_); }

std::vector<std::size_t> importance_levels(std::size_t draws) {
    std::vector<std::size_t> levels;
    for (std::size_t level = 1; level < draws; level *= 10) levels.push_back(level);
    levels.push_back(draws);
    return levels;
}

BoundSampler::BoundSampler(Vae& model, std::size_t max_rows, std::vector<std::size_t> levels)
    : model_(model), levels_(std::move(levels)), log_likelihood_(max_rows), log_weight_(max_rows), sums_(max_rows) {
    if (levels_.empty() || levels_.front() == 0 || !std::ranges::is_sorted(levels_))
        throw std::logic_error("BoundSampler: levels do not ascend from 1 on");
    for (std::vector<float>* codes : {&mean_, &log_variance_, &deviation_, &noise_, &z_})
        codes->resize(max_rows * model.latent());
    for (Sums& sums : sums_) {
        sums.groups.resize(levels_.size());
        sums.bounds.resize(levels_.size());
    }
}

void BoundSampler::begin(const layers::Values& values, const Batch& batch) {
    rows_ = batch.samples.size();
    const std::size_t latent = model_.latent();
    model_.encode(values, batch.x.first_rows(rows_), {mean_.data(), rows_, latent},
                  {log_variance_.data(), rows_, latent});
    for (std::size_t i = 0; i < rows_; ++i) {
        Sums& sums = sums_[i];
        for (LogSum& group : sums.groups) group.clear();
        std::ranges::fill(sums.bounds, 0.0);
        sums.squares.clear();
        sums.reconstruction = sums.kl = sums.half_log_variances = 0;
        for (std::size_t d = i * latent; d < (i + 1) * latent; ++d) {
            const double log_variance = log_variance_[d];
            deviation_[d] = static_cast<float>(std::exp(0.5 * log_variance));
            sums.half_log_variances += 0.5 * log_variance;
            sums.kl += kl_of_dimension(mean_[d], log_variance);
        }
    }
}

Matrix<float> BoundSampler::draw(const layers::Values& values, const Batch& batch, const Stream& noise,
                                 std::size_t number) {
    const std::size_t latent = model_.latent();
    const Matrix<float> noise_rows(noise_.data(), rows_, latent), z(z_.data(), rows_, latent);
    fill_normal_rows(noise, batch.samples, static_cast<std::uint32_t>(number), noise_rows);
    draw_posterior(mean(), {deviation_.data(), rows_, latent}, noise_rows, z, log_weight_);
    model_.log_likelihood(values, z, batch.x.first_rows(rows_), log_likelihood_);
    for (std::size_t i = 0; i < rows_; ++i) {
        sums_[i].reconstruction += log_likelihood_[i];
        log_weight_[i] = log_likelihood_[i] + log_weight_[i] + sums_[i].half_log_variances;
    }
    return z;
}

void BoundSampler::take(std::size_t number) {
    for (std::size_t i = 0; i < rows_; ++i) take(sums_[i], log_weight_[i], number);
}

void BoundSampler::take(Sums& sums, double log_weight, std::size_t number) const {
    sums.squares.add(2 * log_weight);
    for (std::size_t l = 0; l < levels_.size(); ++l) {
        LogSum& group = sums.groups[l];
        group.add(log_weight);
        if ((number + 1) % levels_[l] != 0) continue;
        sums.bounds[l] += group.value() - std::log(static_cast<double>(levels_[l]));
        if (l + 1 < levels_.size()) group.clear();
    }
}

void BoundSampler::finish(Matrix<double> out) const {
    for (std::size_t i = 0; i < rows_; ++i) {
        const Sums& sums = sums_[i];
        const std::span<double> row = out.row(i);
        row[reconstruction] = sums.reconstruction / static_cast<double>(draws());
        row[kl] = sums.kl;
        row[effective] = std::exp(2 * sums.groups.back().value() - sums.squares.value());
        for (std::size_t l = 0; l < levels_.size(); ++l) {
            const std::size_t groups = draws() / levels_[l];
            row[first_bound + l] = sums.bounds[l] / static_cast<double>(groups);
        }
    }
}

} // namespace elbo::model
