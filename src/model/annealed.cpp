#include "model/annealed.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace elbo::model {
namespace {

constexpr double adaptation_rate = 0.1;

/// Momentum of chain k; 0 is the chain that does not count.
Stream momentum(const Stream& noise, std::size_t chain) {
    return {noise.seed, Purpose::chain_momentum, static_cast<std::uint32_t>(chain)};
}

} // namespace

std::vector<double> annealing_schedule(std::size_t steps) {
    constexpr double edge = 4;
    const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
    const double first = sigmoid(-edge), last = sigmoid(edge);
    std::vector<double> schedule(steps + 1);
    for (std::size_t t = 0; t <= steps; ++t) {
        const double share = static_cast<double>(t) / static_cast<double>(steps);
        schedule[t] = (sigmoid(edge * (2 * share - 1)) - first) / (last - first);
    }
    schedule.front() = 0;
    schedule.back() = 1;
    return schedule;
}

AnnealedSampler::AnnealedSampler(Vae& model, std::size_t max_rows, std::vector<std::size_t> levels, std::size_t steps)
    : BoundSampler(model, max_rows, std::move(levels)),
      max_rows_(max_rows),
      schedule_(annealing_schedule(steps)),
      chains_(model, max_rows),
      lengths_(steps * max_rows) {}

void AnnealedSampler::estimate(const layers::Values& values, const Batch& batch, const Stream& noise,
                               Matrix<double> out) {
    begin(values, batch);
    accepted_ = 0;
    moves_ = 0;
    const bool moves = schedule_.size() > 2;
    if (moves) {
        chains_.start(values, batch, {mean(), log_variance()}, trial(noise, draws()));
        pilot(values, momentum(noise, 0));
    }
    for (std::size_t number = 0; number < draws(); ++number) {
        const Matrix<float> z = draw(values, batch, noise, number);
        if (moves) {
            chains_.start(values, batch, {mean(), log_variance()}, z);
            anneal(values, momentum(noise, number + 1));
        }
        take(number);
    }
    finish(out);
}

void AnnealedSampler::pilot(const layers::Values& values, const Stream& noise) {
    std::vector<float> length(rows(), PosteriorChains::first_step);
    for (std::size_t t = 1; t + 1 < schedule_.size(); ++t) {
        chains_.move(values, schedule_[t], noise, static_cast<std::uint32_t>(t), length);
        chains_.adapt(length, adaptation_rate);
        std::ranges::copy(length, lengths(t).begin());
    }
}

void AnnealedSampler::anneal(const layers::Values& values, const Stream& noise) {
    std::ranges::fill(log_weight(), 0.0);
    for (std::size_t t = 1; t < schedule_.size(); ++t) {
        for (std::size_t i = 0; i < rows(); ++i)
            log_weight()[i] += (schedule_[t] - schedule_[t - 1]) * chains_.log_ratio(i);
        if (t + 1 == schedule_.size()) break;
        chains_.move(values, schedule_[t], noise, static_cast<std::uint32_t>(t), lengths(t));
        for (std::size_t i = 0; i < rows(); ++i) accepted_ += chains_.acceptance(i);
        moves_ += rows();
    }
}

} // namespace elbo::model
