// Likelihoods, each one fused pass that gives log p(x | z) and its gradient: a class and a row of the table each.
#include "model/likelihood.hpp"

#include "model/posterior.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/likelihood.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::model::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::all;
using simd::V;

/// With logits l: log p = sum of x l - log(1 + e^l); the gradient of -log p is sigmoid(l) - x. One exponential e^-|l|
/// serves both, and one logarithm a block of columns: log(1 + e^l) is max(l, 0) + log(1 + e^-|l|), and the factors
/// 1 + e^-|l| of a block, each at most 2, are multiplied up before the logarithm is taken.
template <class T>
void bernoulli_in(Matrix<const float> logits, Matrix<const float> x, float scale, std::span<double> reconstruction,
                  Matrix<T> diff) {
    constexpr std::size_t factors = 64; // their product is at most 2^64
    const bool wanted = diff.columns() != 0;
    const std::size_t block = factors * simd::lanes();
    for (std::size_t i = 0; i < x.rows(); ++i) {
        simd::DoubleSum sum;
        for (std::size_t begin = 0; begin < x.columns(); begin += block) {
            const float* logit_row = logits.row(i).data() + begin;
            const float* x_row = x.row(i).data() + begin;
            T* diff_row = wanted ? diff.row(i).data() + begin : nullptr;
            V terms = all(0), product = all(1);
            simd::for_each_vectors<4>(std::min(block, x.columns() - begin), [&](auto at) HWY_ATTR {
                constexpr std::size_t n = at.count;
                V l[n], v[n], e[n];
                ELBO_UNROLL for (std::size_t k = 0; k < n; ++k) {
                    l[k] = at[k].load(logit_row);
                    v[k] = at[k].load(x_row);
                    e[k] = hn::Or(l[k], all(-0.0f));
                }
                simd::take_exp_of_negative(e);
                if (wanted) {
                    ELBO_UNROLL for (std::size_t k = 0; k < n; ++k) {
                        const V sigmoid = hn::IfThenElse(hn::Lt(l[k], all(0)), e[k], all(1)) / (all(1) + e[k]);
                        at[k].store((sigmoid - v[k]) * all(scale), diff_row);
                    }
                }
                ELBO_UNROLL for (std::size_t k = 0; k < n; ++k) {
                    terms = terms + hn::MulSub(v[k], l[k], simd::at_least(all(0), l[k]));
                    product = hn::MulAdd(product, at[k].within(e[k]), product);
                }
            });
            sum.add(simd::Whole{0}, terms - simd::log(product));
        }
        reconstruction[i] = sum.total();
    }
}

void bernoulli(Matrix<const float> logits, Matrix<const float> x, float scale, std::span<double> reconstruction,
               AnyMatrix diff) {
    diff.visit([&](auto typed) { bernoulli_in(logits, x, scale, reconstruction, typed); });
}

void bernoulli_mean(Matrix<float> logits) {
    for (std::size_t i = 0; i < logits.rows(); ++i) {
        float* row = logits.row(i).data();
        simd::for_each_vector(logits.columns(), [&](auto at) HWY_ATTR { at.store(simd::sigmoid(at.load(row)), row); });
    }
}

void bernoulli_backpropagate_mean(Matrix<const float> mean, Matrix<float> diff) {
    for (std::size_t i = 0; i < mean.rows(); ++i) {
        const float* mean_row = mean.row(i).data();
        float* row = diff.row(i).data();
        simd::for_each_vector(mean.columns(), [&](auto at) HWY_ATTR {
            const V m = at.load(mean_row);
            at.store(at.load(row) * m * (all(1) - m), row);
        });
    }
}

/// Of observed elements: log p = x l - max(l, 0) - log(1 + e^-|l|), and x - sigmoid(l) in place of l.
void bernoulli_observed(Matrix<float> logits, Matrix<const float> x, Matrix<const float> observed,
                        std::span<double> log_likelihood) {
    for (std::size_t i = 0; i < x.rows(); ++i) {
        float* logit_row = logits.row(i).data();
        const float *x_row = x.row(i).data(), *observed_row = observed.row(i).data();
        log_likelihood[i] = simd::sum(x.columns(), [&](auto at) HWY_ATTR {
            const V l = at.load(logit_row), v = at.load(x_row);
            const auto seen = hn::Ne(at.load(observed_row), all(0));
            const V e = simd::exp_of_negative(hn::Or(l, all(-0.0f)));
            const V largest = hn::Max(l, all(0));
            const V sigmoid = hn::IfThenElse(hn::Lt(l, all(0)), e, all(1)) / (all(1) + e);
            at.store(hn::IfThenElseZero(seen, v - sigmoid), logit_row);
            return V(hn::IfThenElseZero(seen, v * l - largest - simd::log(all(1) + e)));
        });
    }
}

/// Of observed elements: squares[i] = sum of (x - mean)^2, and precision (x - mean) in place of the mean.
void squared_errors_observed(Matrix<float> mean, Matrix<const float> x, Matrix<const float> observed, float precision,
                             std::span<double> squares) {
    for (std::size_t i = 0; i < x.rows(); ++i) {
        float* mean_row = mean.row(i).data();
        const float *x_row = x.row(i).data(), *observed_row = observed.row(i).data();
        squares[i] = simd::sum(x.columns(), [&](auto at) HWY_ATTR {
            const auto seen = hn::Ne(at.load(observed_row), all(0));
            const V error = hn::IfThenElseZero(seen, at.load(x_row) - at.load(mean_row));
            at.store(error * all(precision), mean_row);
            return V(error * error);
        });
    }
}

/// squares[i] = sum of (mean - x)^2; diff = factor (mean - x), where wanted.
template <class T>
void squared_errors_in(Matrix<const float> mean, Matrix<const float> x, float factor, std::span<double> squares,
                       Matrix<T> diff) {
    const bool wanted = diff.columns() != 0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
        const float* mean_row = mean.row(i).data();
        const float* x_row = x.row(i).data();
        T* diff_row = diff.data() + i * diff.stride();
        squares[i] = simd::sum(x.columns(), [&](auto at) HWY_ATTR {
            const V error = at.load(mean_row) - at.load(x_row);
            if (wanted) at.store(error * all(factor), diff_row);
            return V(error * error);
        });
    }
}

void squared_errors(Matrix<const float> mean, Matrix<const float> x, float factor, std::span<double> squares,
                    AnyMatrix diff) {
    diff.visit([&](auto typed) { squared_errors_in(mean, x, factor, squares, typed); });
}

} // namespace elbo::model::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace elbo::model {

namespace {

HWY_EXPORT(bernoulli);
HWY_EXPORT(bernoulli_mean);
HWY_EXPORT(bernoulli_backpropagate_mean);
HWY_EXPORT(bernoulli_observed);
HWY_EXPORT(squared_errors_observed);
HWY_EXPORT(squared_errors);

/// Independent binary pixels, the decoder giving logits. Grey x in [0, 1] makes it a cross-entropy and no density.
class Bernoulli final : public Likelihood {
public:
    void evaluate(std::span<const float>, Matrix<const float> outputs, Matrix<const float> x, float scale,
                  std::span<double> reconstruction, AnyMatrix diff_outputs, std::span<float>) override {
        HWY_DYNAMIC_DISPATCH(bernoulli)(outputs, x, scale, reconstruction, diff_outputs);
    }

    void evaluate_observed(std::span<const float>, Matrix<float> outputs, Matrix<const float> x,
                           Matrix<const float> observed, std::span<double> log_likelihood) const override {
        HWY_DYNAMIC_DISPATCH(bernoulli_observed)(outputs, x, observed, log_likelihood);
    }

    void mean(Matrix<float> outputs) const override { HWY_DYNAMIC_DISPATCH(bernoulli_mean)(outputs); }

    void backpropagate_mean(Matrix<const float> mean, Matrix<float> diff) const override {
        HWY_DYNAMIC_DISPATCH(bernoulli_backpropagate_mean)(mean, diff);
    }

    void draw(std::span<const float>, const Stream& noise, std::span<const std::uint64_t> samples, std::uint32_t number,
              Matrix<float> outputs) const override {
        mean(outputs);
        for (std::size_t i = 0; i < outputs.rows(); ++i) binarize(noise, samples[i], outputs.row(i), number);
    }

    layers::Activation expectation() const override { return layers::Activation::sigmoid; }
    std::optional<double> variance(std::span<const float>) const override { return std::nullopt; }
    std::pair<double, double> support() const override { return {0, 1}; }

    /// Pixels that are never (or always) set would want an infinite bias.
    float bias_for_mean(double mean) const override {
        constexpr double least = 1e-4;
        const double p = std::clamp(mean, least, 1 - least);
        return static_cast<float>(std::log(p / (1 - p)));
    }
};

/// N(x; outputs, variance): log p = -1/2 sum of (x - mean)^2 / variance + log variance + log 2 pi. The variance is
/// fixed or learnt as one number for all elements.
class Gaussian final : public Likelihood {
public:
    explicit Gaussian(double variance) : fixed_log_variance_(std::log(variance)) {}

    /// Learnt, beginning at a variance of 0.1, a deviation of about a third of a picture's range: from 1 on, the
    /// reconstruction would weigh little against the KL until the variance has come down.
    explicit Gaussian(layers::ParameterTable& parameters) : learned_(true) {
        offset_ = parameters.add("likelihood/log_variance", {1}, {layers::Initial::Kind::constant, std::log(0.1)});
    }

    void evaluate(std::span<const float> values, Matrix<const float> outputs, Matrix<const float> x, float scale,
                  std::span<double> reconstruction, AnyMatrix diff_outputs, std::span<float> gradients) override {
        const double log_variance = log_variance_of(values);
        const double precision = std::exp(-log_variance);
        HWY_DYNAMIC_DISPATCH(squared_errors)
        (outputs, x, static_cast<float>(scale * precision), reconstruction, diff_outputs);
        const auto dimensions = static_cast<double>(x.columns());
        double diff_log_variance = 0;
        for (double& row : reconstruction.first(x.rows())) {
            const double squares = row * precision;
            diff_log_variance += 0.5 * (dimensions - squares);
            row = -0.5 * (squares + dimensions * (log_variance + std::log(2 * std::numbers::pi)));
        }
        if (learned_ && !gradients.empty()) {
            const double slope = 1 / std::max(1.0, std::abs(static_cast<double>(values[offset_])) - 9);
            gradients[offset_] = static_cast<float>(scale * slope * diff_log_variance);
        }
    }

    void evaluate_observed(std::span<const float> values, Matrix<float> outputs, Matrix<const float> x,
                           Matrix<const float> observed, std::span<double> log_likelihood) const override {
        const double log_variance = log_variance_of(values), precision = std::exp(-log_variance);
        HWY_DYNAMIC_DISPATCH(squared_errors_observed)
        (outputs, x, observed, static_cast<float>(precision), log_likelihood);
        for (std::size_t i = 0; i < x.rows(); ++i) {
            const auto seen = observed.columns() - std::ranges::count(observed.row(i), 0.0f);
            log_likelihood[i] = -0.5 * (log_likelihood[i] * precision +
                                        static_cast<double>(seen) * (log_variance + std::log(2 * std::numbers::pi)));
        }
    }

    void mean(Matrix<float>) const override {}
    void backpropagate_mean(Matrix<const float>, Matrix<float>) const override {}

    void draw(std::span<const float> values, const Stream& noise, std::span<const std::uint64_t> samples,
              std::uint32_t number, Matrix<float> outputs) const override {
        const auto deviation = static_cast<float>(std::exp(0.5 * log_variance_of(values)));
        std::vector<float> normals(outputs.columns());
        for (std::size_t i = 0; i < outputs.rows(); ++i) {
            fill_normal(noise, samples[i], number, normals);
            const std::span<float> row = outputs.row(i);
            for (std::size_t d = 0; d < row.size(); ++d) row[d] += deviation * normals[d];
        }
    }

    layers::Activation expectation() const override { return layers::Activation::identity; }
    std::optional<double> variance(std::span<const float> values) const override {
        return std::exp(log_variance_of(values));
    }
    std::pair<double, double> support() const override {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        return {-infinity, infinity};
    }
    float bias_for_mean(double mean) const override { return static_cast<float>(mean); }

private:
    double log_variance_of(std::span<const float> values) const {
        return learned_ ? bounded_log_variance(values[offset_]) : fixed_log_variance_;
    }

    bool learned_ = false;
    double fixed_log_variance_ = 0;
    std::size_t offset_ = 0;
};

std::unique_ptr<Likelihood> make_bernoulli(const config::Settings&, layers::ParameterTable&) {
    return std::make_unique<Bernoulli>();
}

std::unique_ptr<Likelihood> make_gaussian(const config::Settings& settings, layers::ParameterTable& parameters) {
    if (settings.is_word("variance")) return std::make_unique<Gaussian>(parameters);
    return std::make_unique<Gaussian>(settings.number("variance"));
}

} // namespace

std::span<const LikelihoodKind> likelihood_kinds() {
    static const LikelihoodKind kinds[] = {
        {{"bernoulli", "binary pixels, the decoder gives logits"}, make_bernoulli},
        {{"gaussian",
          "real values, the decoder gives means",
          {{.name = "variance",
            .type = config::Type::number_or_word,
            .fallback = "learned",
            .meaning = "of every element around its mean; learned: one number",
            .least = 0,
            .words = {"learned"},
            .exclusive = true}}},
         make_gaussian},
    };
    return kinds;
}

} // namespace elbo::model
#endif
