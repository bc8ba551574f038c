#include "model/aggregate.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/aggregate.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::model::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::all;
using simd::V;

/// joint[n] += log N(z; mean[n], ...) without its constant; returns the sum over n of exp(that - highest), highest
/// being no less than any of them.
double add_dimension(float z, float highest, const float* mean, const float* precision, const float* log_peak,
                     std::span<float> joint) {
    return simd::sum(joint.size(), [&](auto at) HWY_ATTR {
        const V distance = all(z) - at.load(mean);
        const V term = hn::NegMulAdd(distance * distance, at.load(precision) * all(0.5f), at.load(log_peak));
        at.store(at.load(joint.data()) + term, joint.data());
        return simd::exp_of_negative(term - all(highest));
    });
}

double sum_of_exponentials(std::span<const float> terms, float highest) {
    return simd::sum(terms.size(),
                     [&](auto at) HWY_ATTR { return simd::exp_of_negative(at.load(terms.data()) - all(highest)); });
}

} // namespace elbo::model::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace elbo::model {
namespace {

HWY_EXPORT(add_dimension);
HWY_EXPORT(sum_of_exponentials);

const double log_two_pi = std::log(2 * std::numbers::pi);

} // namespace

AggregatePosterior::AggregatePosterior(Matrix<const float> mean, Matrix<const float> log_variance)
    : samples_(mean.rows()), latent_(mean.columns()), highest_(latent_, -INFINITY), joint_(samples_) {
    if (samples_ == 0) throw std::logic_error("an aggregate posterior of no samples");
    for (std::vector<float>* values : {&mean_, &precision_, &log_peak_}) values->resize(samples_ * latent_);
    for (std::size_t d = 0; d < latent_; ++d)
        for (std::size_t n = 0; n < samples_; ++n) {
            const std::size_t at = d * samples_ + n;
            mean_[at] = mean(n, d);
            precision_[at] = std::exp(-log_variance(n, d));
            log_peak_[at] = -0.5f * log_variance(n, d);
            highest_[d] = std::max(highest_[d], log_peak_[at]);
        }
}

void AggregatePosterior::log_densities(std::size_t n, std::span<const float> z, std::span<double> out) {
    const double log_samples = std::log(static_cast<double>(samples_));
    const double constant = -0.5 * static_cast<double>(latent_) * log_two_pi;
    double squares = 0;
    std::ranges::fill(joint_, 0.0f);
    for (std::size_t d = 0; d < latent_; ++d) {
        const std::size_t first = d * samples_;
        const double sum = HWY_DYNAMIC_DISPATCH(add_dimension)(z[d], highest_[d], &mean_[first], &precision_[first],
                                                               &log_peak_[first], joint_);
        out[first_dimension + d] = highest_[d] + std::log(sum) - log_samples - 0.5 * log_two_pi;
        squares += static_cast<double>(z[d]) * z[d];
    }
    const float highest = *std::ranges::max_element(joint_);
    const double sum = HWY_DYNAMIC_DISPATCH(sum_of_exponentials)(joint_, highest);
    out[0] = constant - 0.5 * squares;
    out[1] = constant + joint_[n];
    out[2] = constant + highest + std::log(sum) - log_samples;
}

KlSplit split_kl(std::span<const double> mean_log_densities) {
    const double prior = mean_log_densities[0], posterior = mean_log_densities[1], aggregate = mean_log_densities[2];
    double of_dimensions = 0;
    for (const double dimension : mean_log_densities.subspan(AggregatePosterior::first_dimension))
        of_dimensions += dimension;
    return {posterior - aggregate, aggregate - of_dimensions, of_dimensions - prior};
}

std::size_t split_samples(std::size_t samples, std::size_t latent) {
    constexpr std::size_t most = 10'000;
    constexpr double most_work = 4e9; // densities of a dimension
    const auto affordable = static_cast<std::size_t>(std::sqrt(most_work / static_cast<double>(latent)));
    return std::min({samples, most, affordable});
}

} // namespace elbo::model
#endif
