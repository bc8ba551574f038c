#include "model/refinement.hpp"

#include "model/posterior.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::model {
namespace {

constexpr double first_decay = 0.9, second_decay = 0.9, least_deviation = 1e-8;

/// Adam's rule, its moments corrected for their start at 0.
class Adam {
public:
    Adam(std::size_t number, double rate)
        : rate_(rate),
          first_correction_(1 - std::pow(first_decay, static_cast<double>(number + 1))),
          second_correction_(1 - std::pow(second_decay, static_cast<double>(number + 1))) {}

    /// What ascends the gradient.
    template <class Moments>
    double operator()(Moments& moments, double gradient) const {
        moments.first = first_decay * moments.first + (1 - first_decay) * gradient;
        moments.second = second_decay * moments.second + (1 - second_decay) * gradient * gradient;
        const double deviation = std::sqrt(moments.second / second_correction_) + least_deviation;
        return rate_ * moments.first / first_correction_ / deviation;
    }

private:
    double rate_, first_correction_, second_correction_;
};

} // namespace

PosteriorRefinement::PosteriorRefinement(std::size_t max_rows, std::size_t latent) : latent_(latent), value_(max_rows) {
    for (std::vector<Moments>* moments : {&by_mean_, &by_log_variance_}) moments->resize(max_rows * latent);
    for (std::vector<float>* values : {&noise_, &z_, &diff_z_}) values->resize(max_rows * latent);
}

void PosteriorRefinement::draw(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples,
                               const Stream& noise, std::size_t number, Matrix<const float> mean,
                               Matrix<const float> log_variance, bool gradient) {
    const std::size_t rows = samples.size();
    const Matrix<float> noise_rows(noise_.data(), rows, latent_), z(z_.data(), rows, latent_);
    fill_normal_rows(noise, samples, static_cast<std::uint32_t>(number), noise_rows);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t d = 0; d < latent_; ++d)
            z(i, d) = mean(i, d) + std::exp(0.5f * log_variance(i, d)) * noise_rows(i, d);
    likelihood(z, std::span(value_).first(rows),
               gradient ? Matrix<float>(diff_z_.data(), rows, latent_) : Matrix<float>());
}

void PosteriorRefinement::refine(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples,
                                 const Stream& noise, const RefinementSteps& steps, Matrix<float> mean,
                                 Matrix<float> log_variance) {
    std::ranges::fill(by_mean_, Moments());
    std::ranges::fill(by_log_variance_, Moments());
    for (std::size_t number = 0; number < steps.count; ++number) {
        draw(likelihood, samples, noise, number, mean, log_variance, true);
        step(number, 1 - static_cast<double>(number) / static_cast<double>(steps.count), steps.reach, mean,
             log_variance);
    }
}

void PosteriorRefinement::step(std::size_t number, double left, double reach, Matrix<float> mean,
                               Matrix<float> log_variance) {
    const Adam adam(number, first_rate * left);
    for (std::size_t i = 0; i < mean.rows(); ++i)
        for (std::size_t d = 0; d < latent_; ++d) {
            const std::size_t at = i * latent_ + d;
            const double deviation = std::exp(0.5 * log_variance(i, d)), noise = noise_[at];
            const double slope = deviation * (static_cast<double>(diff_z_[at]) - z_[at]) + noise;
            const double unit = deviation * std::pow(std::max(reach / deviation, 1.0), left);
            mean(i, d) += static_cast<float>(unit * adam(by_mean_[at], unit / deviation * slope));
            log_variance(i, d) += static_cast<float>(adam(by_log_variance_[at], 0.5 * noise * slope));
        }
}

void PosteriorRefinement::bound(const CodeLikelihood& likelihood, std::span<const std::uint64_t> samples,
                                const Stream& noise, std::size_t draws, Matrix<const float> mean,
                                Matrix<const float> log_variance, std::span<double> out) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
        out[i] = 0;
        for (std::size_t d = 0; d < latent_; ++d) out[i] -= kl_of_dimension(mean(i, d), log_variance(i, d));
    }
    for (std::size_t number = 0; number < draws; ++number) {
        draw(likelihood, samples, noise, number, mean, log_variance, false);
        for (std::size_t i = 0; i < samples.size(); ++i) out[i] += value_[i] / static_cast<double>(draws);
    }
}

} // namespace elbo::model
