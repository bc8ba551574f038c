// A model whose log-likelihood and posterior have closed forms.
#pragma once

#include "model/bench.hpp"
#include "model/importance.hpp"

#include <numbers>

namespace elbo::model {

/// One latent and two pixels, no hidden layers: p(x) = N(bias, w w^T + variance), and a posterior that is not the right
/// one, so that the bounds have something to rise over.
struct LinearGaussian {
    static constexpr double variance = 0.25, w[] = {0.8, -0.6}, bias[] = {0.3, 0.1};
    Bench bench{settings(1, {}, {}, test::gaussian(variance)), {2}, 7, 4};
    std::vector<float> x = {0.9f, -0.2f, 0.1f, 0.4f, -1.1f, 0.8f, 0.3f, 0.1f};
    std::vector<std::uint64_t> samples = {0, 1, 2, 3};

    LinearGaussian() {
        set("encoder/mean/weight", {0.5f, -0.5f});
        set("encoder/mean/bias", {0});
        set("encoder/log_variance/weight", {0, 0});
        set("encoder/log_variance/bias", {-0.8f});
        set("decoder/output/weight", {0.8f, -0.6f});
        set("decoder/output/bias", {0.3f, 0.1f});
    }

    void set(const std::string& path, const std::vector<float>& values) {
        for (const layers::Parameter& parameter : bench.vae.parameters().all())
            if (parameter.path == path) {
                ASSERT_EQ(parameter.size, values.size());
                std::copy(values.begin(), values.end(),
                          bench.values.begin() + static_cast<std::ptrdiff_t>(parameter.offset));
                return;
            }
        FAIL() << "no parameter " << path;
    }

    Batch batch() const { return {{x.data(), 4, 2}, samples}; }

    /// Of p(z | x): variance 1 / (1 + w.w / variance), mean that times w.(x - bias) / variance.
    static constexpr double posterior_variance = 1 / (1 + (0.64 + 0.36) / variance);
    double posterior_mean(std::size_t i) const {
        return posterior_variance * (w[0] * (x[2 * i] - bias[0]) + w[1] * (x[2 * i + 1] - bias[1])) / variance;
    }

    /// log N(x; bias, w w^T + variance I).
    double log_likelihood(std::size_t i) const {
        const double a = x[2 * i] - bias[0], b = x[2 * i + 1] - bias[1];
        const double s00 = w[0] * w[0] + variance, s11 = w[1] * w[1] + variance, s01 = w[0] * w[1];
        const double determinant = s00 * s11 - s01 * s01;
        const double form = (s11 * a * a - 2 * s01 * a * b + s00 * b * b) / determinant;
        return -0.5 * (form + std::log(determinant)) - std::log(2 * std::numbers::pi);
    }

    std::vector<double> estimate(std::vector<std::size_t> levels, std::uint32_t seed = 5) {
        ImportanceSampler sampler(bench.vae, 4, std::move(levels));
        return estimate(sampler, seed);
    }

    std::vector<double> estimate(BoundSampler& sampler, std::uint32_t seed = 5) {
        std::vector<double> out(4 * sampler.columns());
        sampler.estimate(bench.values, batch(), {seed, Purpose::importance, 0}, {out.data(), 4, sampler.columns()});
        return out;
    }
};

} // namespace elbo::model
