#include "model/bound_sampler.hpp"

#include "model/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace elbo::model {

void LogSum::add(const LogSum& terms) {
    if (terms.largest_ <= largest_) {
        if (std::isfinite(terms.largest_)) sum_ += terms.sum_ * std::exp(terms.largest_ - largest_);
        return;
    }
    sum_ = sum_ * std::exp(largest_ - terms.largest_) + terms.sum_;
    largest_ = terms.largest_;
}

double LogSum::value() const { return largest_ + std::log(sum_); }

std::vector<std::size_t> importance_levels(std::size_t draws) {
    std::vector<std::size_t> levels;
    for (std::size_t level = 1; level < draws; level *= 10) levels.push_back(level);
    levels.push_back(draws);
    return levels;
}

BoundSampler::BoundSampler(Vae& model, std::size_t max_rows, std::vector<std::size_t> levels)
    : model_(model),
      encoder_draws_(model, max_rows),
      levels_(std::move(levels)),
      log_likelihood_(max_rows),
      log_weight_(max_rows),
      sums_(max_rows) {
    if (levels_.empty() || levels_.front() == 0 || !std::ranges::is_sorted(levels_))
        throw std::logic_error("BoundSampler: levels do not ascend from 1 on");
    for (std::size_t l = 0; l + 2 < levels_.size(); ++l)
        if (levels_[l + 1] % levels_[l] != 0)
            throw std::logic_error("BoundSampler: a level's groups do not make the next one's");
    for (const std::size_t level : levels_) log_levels_.push_back(std::log(static_cast<double>(level)));
    for (Sums& sums : sums_) {
        sums.groups.resize(levels_.size());
        sums.bounds.resize(levels_.size());
    }
}

std::size_t BoundSampler::bytes(std::size_t latent, std::size_t max_rows, std::size_t levels) {
    const std::size_t row =
        5 * latent * sizeof(float) + 4 * sizeof(double) + sizeof(Sums) + levels * (sizeof(LogSum) + sizeof(double));
    return max_rows * row;
}

void BoundSampler::begin(const layers::Values& values, const Batch& batch) {
    encoder_draws_.begin(values, batch);
    for (std::size_t i = 0; i < rows(); ++i) {
        Sums& sums = sums_[i];
        for (LogSum& group : sums.groups) group.clear();
        std::ranges::fill(sums.bounds, 0.0);
        sums.squares.clear();
        sums.reconstruction = sums.kl = 0;
        for (std::size_t d = 0; d < mean().columns(); ++d)
            sums.kl += kl_of_dimension(mean()(i, d), log_variance()(i, d));
    }
}

Matrix<float> BoundSampler::draw(const layers::Values& values, const Batch& batch, const Stream& noise,
                                 std::size_t number) {
    const Matrix<float> z = encoder_draws_.draw(noise, number);
    model_.log_likelihood(values, z, batch.x.first_rows(rows()), log_likelihood_);
    for (std::size_t i = 0; i < rows(); ++i) {
        sums_[i].reconstruction += log_likelihood_[i];
        log_weight_[i] = log_likelihood_[i] + encoder_draws_.log_ratio(i);
    }
    return z;
}

void BoundSampler::take(std::size_t number) {
    for (std::size_t i = 0; i < rows(); ++i) take(sums_[i], log_weight_[i], number);
    if (drawn_) drawn_();
}

/// A group that is full becomes a term of the next level's: one exponential a weight, however many levels.
void BoundSampler::take(Sums& sums, double log_weight, std::size_t number) const {
    sums.squares.add(2 * log_weight);
    LogSum full(log_weight);
    for (std::size_t l = 0; l < levels_.size(); ++l) {
        sums.groups[l].add(full);
        if (l + 1 == levels_.size() || (number + 1) % levels_[l] != 0) return;
        full = std::exchange(sums.groups[l], {});
        sums.bounds[l] += full.value() - log_levels_[l];
    }
}

void BoundSampler::finish(Matrix<double> out) const {
    for (std::size_t i = 0; i < rows(); ++i) {
        const Sums& sums = sums_[i];
        const std::span<double> row = out.row(i);
        LogSum all; // groups that draws do not fill are terms too
        for (const LogSum& group : sums.groups) all.add(group);
        row[reconstruction] = sums.reconstruction / static_cast<double>(draws());
        row[kl] = sums.kl;
        row[effective] = std::exp(2 * all.value() - sums.squares.value());
        for (std::size_t l = 0; l + 1 < levels_.size(); ++l) {
            const std::size_t groups = draws() / levels_[l];
            row[first_bound + l] = sums.bounds[l] / static_cast<double>(groups);
        }
        row[first_bound + levels_.size() - 1] = all.value() - log_levels_.back();
    }
}

} // namespace elbo::model
