#include "model/aggregate.hpp"

#include <algorithm>

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

/// For each code and dimension: joint(code, n) += log N(z; mean(dimension, n), ...) without its constant, and
/// sums(code, dimension) += the sum over n of exp(that - highest). Over few enough samples that a float holds each
/// lane's sum as well as its terms.
void add_samples(const AggregatePosterior::Gaussians& samples, Matrix<const float> z, Matrix<float> joint,
                 Matrix<double> sums) {
    for (std::size_t d = 0; d < z.columns(); ++d) {
        const float* const mean = samples.mean.row(d).data();
        const float* const half_precision = samples.half_precision.row(d).data();
        const float* const log_peak = samples.log_peak.row(d).data();
        const V highest = all(samples.highest[d]);
        for (std::size_t code = 0; code < z.rows(); ++code) {
            const V of_code = all(z(code, d));
            float* const of_joint = joint.row(code).data();
            V sum = all(0);
            simd::for_each_vectors<4>(joint.columns(), [&](auto at) HWY_ATTR {
                constexpr std::size_t n = at.count;
                V term[n];
                ELBO_UNROLL for (std::size_t k = 0; k < n; ++k) {
                    const V distance = of_code - at[k].load(mean);
                    term[k] = hn::NegMulAdd(distance * distance, at[k].load(half_precision), at[k].load(log_peak));
                }
                ELBO_UNROLL for (std::size_t k = 0; k < n; ++k) {
                    at[k].store(at[k].load(of_joint) + term[k], of_joint);
                    term[k] = term[k] - highest;
                }
                simd::take_exp_of_negative(term);
                ELBO_UNROLL for (std::size_t k = 0; k < n; ++k) sum = sum + at[k].within(term[k]);
            });
            simd::DoubleSum total;
            total.add(simd::Whole{0}, sum);
            sums(code, d) += total.total();
        }
    }
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

HWY_EXPORT(add_samples);
HWY_EXPORT(sum_of_exponentials);

/// Codes that share what is read of the samples, and samples whose values stay in the first-level cache meanwhile.
constexpr std::size_t codes_at_once = 8, samples_at_once = 256, floats_of_a_line = 16;

const double log_two_pi = std::log(2 * std::numbers::pi);

} // namespace

AggregatePosterior::AggregatePosterior(Matrix<const float> mean, Matrix<const float> log_variance)
    : samples_(mean.rows()),
      latent_(mean.columns()),
      step_((samples_ + floats_of_a_line - 1) / floats_of_a_line * floats_of_a_line),
      mean_(latent_ * step_),
      half_precision_(latent_ * step_),
      log_peak_(latent_ * step_),
      highest_(latent_, -INFINITY),
      joint_(codes_at_once * step_),
      sums_(codes_at_once * latent_) {
    if (samples_ == 0) throw std::logic_error("an aggregate posterior of no samples");
    for (std::size_t d = 0; d < latent_; ++d)
        for (std::size_t n = 0; n < samples_; ++n) {
            const std::size_t at = d * step_ + n;
            mean_.span()[at] = mean(n, d);
            half_precision_.span()[at] = 0.5f * std::exp(-log_variance(n, d));
            log_peak_.span()[at] = -0.5f * log_variance(n, d);
            highest_[d] = std::max(highest_[d], -0.5f * log_variance(n, d));
        }
}

void AggregatePosterior::log_densities(std::size_t first, Matrix<const float> z, Matrix<double> out) {
    for (std::size_t begin = 0; begin < z.rows(); begin += codes_at_once) {
        const std::size_t codes = std::min(codes_at_once, z.rows() - begin);
        densities_of(first + begin, z.some_rows(begin, codes), out.some_rows(begin, codes));
    }
}

void AggregatePosterior::densities_of(std::size_t first, Matrix<const float> z, Matrix<double> out) {
    const Matrix<float> joint(joint_.span().data(), z.rows(), samples_, step_);
    const Matrix<double> sums(sums_.data(), z.rows(), latent_);
    std::ranges::fill(joint_.span(), 0.0f);
    std::ranges::fill(sums_, 0.0);
    for (std::size_t begin = 0; begin < samples_; begin += samples_at_once) {
        const std::size_t count = std::min(samples_at_once, samples_ - begin);
        const auto some = [&](const AlignedFloats& of_all) {
            return Matrix<const float>(of_all.span().data() + begin, latent_, count, step_);
        };
        const Gaussians samples{some(mean_), some(half_precision_), some(log_peak_), highest_};
        HWY_DYNAMIC_DISPATCH(add_samples)(samples, z, joint.some_columns(begin, count), sums);
    }
    for (std::size_t i = 0; i < z.rows(); ++i) finish(first + i, z.row(i), joint.row(i), sums.row(i), out.row(i));
}

void AggregatePosterior::finish(std::size_t n, std::span<const float> z, std::span<const float> joint,
                                std::span<const double> sums, std::span<double> out) const {
    const double log_samples = std::log(static_cast<double>(samples_));
    const double constant = -0.5 * static_cast<double>(latent_) * log_two_pi;
    double squares = 0;
    for (std::size_t d = 0; d < latent_; ++d) {
        out[first_dimension + d] = highest_[d] + std::log(sums[d]) - log_samples - 0.5 * log_two_pi;
        squares += static_cast<double>(z[d]) * z[d];
    }
    const float highest = *std::ranges::max_element(joint);
    const double sum = HWY_DYNAMIC_DISPATCH(sum_of_exponentials)(joint, highest);
    out[0] = constant - 0.5 * squares;
    out[1] = constant + joint[n];
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
