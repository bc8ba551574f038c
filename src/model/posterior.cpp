// The posterior's sample, KL and gradient, one fused pass each way with a single exponential an element.
#include "model/posterior.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/posterior.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::model::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::all;
using simd::V;

constexpr float linear_up_to = 10, largest = 1e30f;

/// bounded_log_variance(raw) and its derivative.
struct LogVariance {
    V value, slope;
};

HWY_INLINE LogVariance bounded(V raw) {
    const V size = simd::at_most(all(largest), hn::Abs(raw));
    const V beyond = size - all(linear_up_to - 1);
    const V bent = hn::CopySign(all(linear_up_to) + simd::log(beyond), raw);
    const auto outside = hn::Gt(size, all(linear_up_to));
    return {hn::IfThenElse(outside, bent, raw), hn::IfThenElse(outside, all(1) / beyond, all(1))};
}

template <class T>
void sample_in(Matrix<const float> heads, Matrix<const float> noise, Matrix<T> z, std::span<double> kl) {
    const std::size_t latent = z.columns();
    for (std::size_t i = 0; i < z.rows(); ++i) {
        const float* mean = heads.row(i).data();
        const float* raw = mean + latent;
        const float* noise_row = noise.row(i).data();
        T* z_row = z.row(i).data();
        kl[i] = 0.5 * simd::sum(latent, [&](auto at) HWY_ATTR {
                    const V m = at.load(mean);
                    const V log_variance = bounded(at.load(raw)).value;
                    const V deviation = simd::exp(log_variance * all(0.5f));
                    at.store(hn::MulAdd(deviation, at.load(noise_row), m), z_row);
                    const V variance_part = hn::MulSub(deviation, deviation, all(1)) - log_variance;
                    return hn::MulAdd(m, m, variance_part);
                });
    }
}

void sample(Matrix<const float> heads, Matrix<const float> noise, AnyMatrix z, std::span<double> kl) {
    z.visit([&](auto typed) { sample_in(heads, noise, typed, kl); });
}

void draw(Matrix<const float> mean, Matrix<const float> deviation, Matrix<const float> noise, Matrix<float> z,
          std::span<double> log_ratio) {
    for (std::size_t i = 0; i < z.rows(); ++i) {
        const float* mean_row = mean.row(i).data();
        const float* deviation_row = deviation.row(i).data();
        const float* noise_row = noise.row(i).data();
        float* z_row = z.row(i).data();
        log_ratio[i] = 0.5 * simd::sum(z.columns(), [&](auto at) HWY_ATTR {
                           const V e = at.load(noise_row);
                           const V code = hn::MulAdd(at.load(deviation_row), e, at.load(mean_row));
                           at.store(code, z_row);
                           return V((e - code) * (e + code));
                       });
    }
}

template <class T>
void backpropagate_in(Matrix<const float> heads, Matrix<const float> noise, Matrix<const float> diff_z, float kl_scale,
                      Matrix<T> diff_heads) {
    const std::size_t latent = diff_z.columns();
    for (std::size_t i = 0; i < diff_z.rows(); ++i) {
        const float* mean = heads.row(i).data();
        const float* raw = mean + latent;
        const float* noise_row = noise.row(i).data();
        const float* diff_row = diff_z.row(i).data();
        T* diff_mean = diff_heads.row(i).data();
        T* diff_raw = diff_mean + latent;
        simd::for_each_vector(latent, [&](auto at) HWY_ATTR {
            const V m = at.load(mean);
            const LogVariance log_variance = bounded(at.load(raw));
            const V deviation = simd::exp(log_variance.value * all(0.5f));
            const V diff = at.load(diff_row);
            const V by_kl = all(kl_scale) * hn::MulSub(deviation, deviation, all(1));
            const V by_log_variance = hn::MulAdd(diff * at.load(noise_row), deviation, by_kl) * all(0.5f);
            at.store(hn::MulAdd(all(kl_scale), m, diff), diff_mean);
            at.store(by_log_variance * log_variance.slope, diff_raw);
        });
    }
}

void backpropagate(Matrix<const float> heads, Matrix<const float> noise, Matrix<const float> diff_z, float kl_scale,
                   AnyMatrix diff_heads) {
    diff_heads.visit([&](auto typed) { backpropagate_in(heads, noise, diff_z, kl_scale, typed); });
}

} // namespace elbo::model::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo::model {

namespace {

HWY_EXPORT(sample);
HWY_EXPORT(draw);
HWY_EXPORT(backpropagate);

} // namespace

float bounded_log_variance(float raw) {
    const float size = std::min(std::abs(raw), 1e30f);
    if (!(size > 10)) return raw;
    return std::copysign(10 + std::log(size - 9), raw);
}

double kl_of_dimension(double mean, double log_variance) {
    return 0.5 * (mean * mean + std::exp(log_variance) - 1 - log_variance);
}

void add_latents(Matrix<const float> heads, std::span<double> sums) {
    const std::size_t count = heads.columns() / 2;
    for (std::size_t i = 0; i < heads.rows(); ++i) {
        const std::span<const float> row = heads.row(i);
        for (std::size_t d = 0; d < count; ++d) {
            const double mean = row[d];
            sums[d] += kl_of_dimension(mean, bounded_log_variance(row[count + d]));
            sums[count + d] += mean;
            sums[2 * count + d] += mean * mean;
        }
    }
}

void copy_codes(Matrix<const float> heads, std::span<double> codes) {
    const std::size_t count = heads.columns() / 2;
    for (std::size_t i = 0; i < heads.rows(); ++i) {
        const std::span<double> code = codes.subspan(2 * i * count, 2 * count);
        std::ranges::copy(heads.row(i).first(count), code.begin());
        std::ranges::transform(heads.row(i).subspan(count), code.begin() + static_cast<std::ptrdiff_t>(count),
                               bounded_log_variance);
    }
}

void sample_posterior(Matrix<const float> heads, Matrix<const float> noise, AnyMatrix z, std::span<double> kl) {
    HWY_DYNAMIC_DISPATCH(sample)(heads, noise, z, kl);
}

void draw_posterior(Matrix<const float> mean, Matrix<const float> deviation, Matrix<const float> noise, Matrix<float> z,
                    std::span<double> log_ratio) {
    HWY_DYNAMIC_DISPATCH(draw)(mean, deviation, noise, z, log_ratio);
}

void backpropagate_posterior(Matrix<const float> heads, Matrix<const float> noise, Matrix<const float> diff_z,
                             float kl_scale, AnyMatrix diff_heads) {
    HWY_DYNAMIC_DISPATCH(backpropagate)(heads, noise, diff_z, kl_scale, diff_heads);
}

} // namespace elbo::model
#endif
