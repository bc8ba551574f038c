// Optimisers, each one loop over a range of the flat arrays: SGD with momentum (Sutskever et al. 2013), Adam (Kingma &
// Ba 2015, algorithm 1) and AdamW (Loshchilov & Hutter 2019), in the forms that PyTorch has.
#include "optimizers/optimizer.hpp"

#include "numerics/prefetch.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "optimizers/optimizer.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

#ifndef ELBO_OPTIMIZERS_STEPS
#define ELBO_OPTIMIZERS_STEPS
namespace elbo::optimizers {

/// What SGD's loop needs of a step: b = momentum b + d, p -= rate b, where d is the scaled gradient + weight_decay p.
struct SgdStep {
    float rate, gradient_scale, momentum, weight_decay;
    bool nesterov;
};

/// What Adam's loop needs of a step: rest = 1 - beta; keep = 1 - rate * weight decay; rate and variance_scale carry the
/// corrections of the two means' bias, rate / (1 - beta1^t) and 1 / sqrt(1 - beta2^t).
struct AdamStep {
    float rate, gradient_scale, beta1, rest1, beta2, rest2, variance_scale, epsilon, keep;
};

} // namespace elbo::optimizers
#endif

HWY_BEFORE_NAMESPACE();
namespace elbo::optimizers::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::all;
using simd::V;

/// Whether all that add() was given is finite: x * 0 is zero, or NaN where x is not finite, and NaN stays in a sum.
class Finite {
public:
    Finite() : sum_(all(0)) {}
    template <class At>
    HWY_INLINE void add(At at, V x) {
        sum_ = hn::MulAdd(at.within(x), all(0), sum_);
    }
    HWY_INLINE bool holds() const { return hn::AllFalse(simd::D(), hn::IsNaN(sum_)); }

private:
    V sum_;
};

/// Floats that are asked for ahead of their turn: a core's own prefetching stops at each page.
constexpr std::size_t ahead = 256;

/// Where the buffer's new element is not finite, the value is not either: looking at values finds both.
/// rounded: null, or where the new values go in bf16 as well.
bool sgd(const SgdStep& step, std::size_t count, float* values, const float* gradients, float* buffer,
         BFloat16* rounded) {
    const V scale = all(step.gradient_scale), decay = all(step.weight_decay), momentum = all(step.momentum);
    const V rate = all(step.rate);
    Finite finite;
    simd::for_each_vector(count, [&](auto at) HWY_ATTR {
        if (at.begin + ahead < count) {
            fetch_to_write(values + at.begin + ahead);
            if (step.momentum != 0) fetch_to_write(buffer + at.begin + ahead);
            fetch(gradients + at.begin + ahead);
        }
        const V p = at.load(values);
        const V d = hn::MulAdd(p, decay, at.load(gradients) * scale);
        V direction = d;
        if (step.momentum != 0) {
            const V b = hn::MulAdd(momentum, at.load(buffer), d);
            at.store(b, buffer);
            direction = step.nesterov ? hn::MulAdd(momentum, b, d) : b;
        }
        const V value = hn::NegMulAdd(rate, direction, p);
        finite.add(at, value);
        at.store(value, values);
        if (rounded != nullptr) at.store(value, rounded);
    });
    return finite.holds();
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
// A division and a square root of 16 floats take as long as 60 multiplications; approximations of 14 bits and a Newton
// step are within 3 units in the last place at a quarter of that. Infinity becomes NaN on the way.
constexpr bool infinity_has_a_root = false;

/// Square root of v >= 0; what is below the normal numbers becomes smaller.
HWY_INLINE V root(V v) {
    const V inverse = hn::ApproximateReciprocalSqrt(hn::Max(all(std::numeric_limits<float>::min()), v));
    const V estimate = v * inverse;
    const V error = hn::NegMulAdd(estimate, inverse, all(1));
    return hn::MulAdd(estimate * all(0.5f), error, estimate);
}

/// a / b, b > 0 and normal.
HWY_INLINE V ratio(V a, V b) {
    const V inverse = hn::ApproximateReciprocal(b);
    const V better = hn::MulAdd(inverse, hn::NegMulAdd(inverse, b, all(1)), inverse);
    return a * better;
}
#else
constexpr bool infinity_has_a_root = true;
HWY_INLINE V root(V v) { return hn::Sqrt(v); }
HWY_INLINE V ratio(V a, V b) { return a / b; }
#endif

/// Where the new mean is not finite, the value is not either; where the variance is infinite, that depends on root().
bool adam(const AdamStep& step, std::size_t count, float* values, const float* gradients, float* mean, float* variance,
          BFloat16* rounded) {
    const V rate = all(step.rate), scale = all(step.gradient_scale), keep = all(step.keep);
    const V beta1 = all(step.beta1), rest1 = all(step.rest1), beta2 = all(step.beta2), rest2 = all(step.rest2);
    const V variance_scale = all(step.variance_scale), epsilon = all(step.epsilon);
    Finite finite;
    simd::for_each_vector(count, [&](auto at) HWY_ATTR {
        if (at.begin + ahead < count) { // what lies beyond is another rank's to write
            for (float* array : {values, mean, variance}) fetch_to_write(array + at.begin + ahead);
            fetch(gradients + at.begin + ahead);
        }
        const V p = at.load(values), g = at.load(gradients) * scale;
        const V m = hn::MulAdd(beta1, at.load(mean), rest1 * g);
        const V v = hn::MulAdd(beta2, at.load(variance), rest2 * (g * g));
        const V deviation = hn::MulAdd(root(v), variance_scale, epsilon);
        at.store(m, mean);
        at.store(v, variance);
        const V value = hn::NegMulAdd(rate, ratio(m, deviation), p * keep);
        finite.add(at, value);
        if (infinity_has_a_root) finite.add(at, v);
        at.store(value, values);
        if (rounded != nullptr) at.store(value, rounded);
    });
    return finite.holds();
}

} // namespace elbo::optimizers::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>
#include <stdexcept>

namespace elbo::optimizers {

namespace {

HWY_EXPORT(sgd);
HWY_EXPORT(adam);

/// State arrays, and the arithmetic of indices that every optimiser shares.
class StatefulOptimizer : public Optimizer {
public:
    StatefulOptimizer(std::span<const std::string_view> names, std::size_t count) : names_(names), count_(count) {
        for (std::size_t i = 0; i < names.size(); ++i) states_.emplace_back(count);
    }
    std::span<const std::string_view> state_names() const override { return names_; }
    std::span<float> state(std::size_t index) override { return states_.at(index).span(); }

protected:
    float* state_at(std::size_t index, const Range& range) { return states_[index].span().data() + range.state; }
    void require_own(const Range& range, std::size_t values, std::size_t gradients, std::size_t rounded) const {
        const auto [begin, end, state] = range;
        if (end < begin || state > count_ || end - begin > count_ - state || end > values || end > gradients ||
            (rounded != 0 && end > rounded)) {
            throw std::logic_error("an update outside of the optimiser's state or of the flat arrays");
        }
    }
    static BFloat16* at(const Range& range, std::span<BFloat16> rounded) {
        return rounded.empty() ? nullptr : rounded.data() + range.begin;
    }

private:
    std::span<const std::string_view> names_;
    std::size_t count_;
    std::vector<AlignedFloats> states_;
};

constexpr std::string_view sgd_states[] = {"momentum"};
constexpr std::string_view adam_states[] = {"mean", "variance"};

class Sgd final : public StatefulOptimizer {
public:
    Sgd(const config::Settings& settings, std::size_t count)
        : StatefulOptimizer(sgd_states, count),
          momentum_(static_cast<float>(settings.number("momentum"))),
          weight_decay_(static_cast<float>(settings.number("weight_decay"))),
          nesterov_(settings.flag("nesterov")) {}

    bool update(const Range& range, std::span<float> values, std::span<const float> gradients, const Update& update,
                std::span<BFloat16> rounded) override {
        require_own(range, values.size(), gradients.size(), rounded.size());
        const SgdStep step{static_cast<float>(update.rate), update.gradient_scale, momentum_, weight_decay_, nesterov_};
        return HWY_DYNAMIC_DISPATCH(sgd)(step, range.end - range.begin, values.data() + range.begin,
                                         gradients.data() + range.begin, state_at(0, range), at(range, rounded));
    }

private:
    float momentum_, weight_decay_;
    bool nesterov_;
};

class Adam final : public StatefulOptimizer {
public:
    Adam(const config::Settings& settings, double weight_decay, std::size_t count)
        : StatefulOptimizer(adam_states, count),
          beta1_(settings.number("beta1")),
          beta2_(settings.number("beta2")),
          epsilon_(settings.number("epsilon")),
          weight_decay_(weight_decay) {}

    bool update(const Range& range, std::span<float> values, std::span<const float> gradients, const Update& update,
                std::span<BFloat16> rounded) override {
        require_own(range, values.size(), gradients.size(), rounded.size());
        const auto t = static_cast<double>(update.step);
        const AdamStep step{.rate = static_cast<float>(update.rate / (1 - std::pow(beta1_, t))),
                            .gradient_scale = update.gradient_scale,
                            .beta1 = static_cast<float>(beta1_),
                            .rest1 = static_cast<float>(1 - beta1_),
                            .beta2 = static_cast<float>(beta2_),
                            .rest2 = static_cast<float>(1 - beta2_),
                            .variance_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2_, t))),
                            .epsilon = static_cast<float>(epsilon_),
                            .keep = static_cast<float>(1 - update.rate * weight_decay_)};
        return HWY_DYNAMIC_DISPATCH(adam)(step, range.end - range.begin, values.data() + range.begin,
                                          gradients.data() + range.begin, state_at(0, range), state_at(1, range),
                                          at(range, rounded));
    }

private:
    double beta1_, beta2_, epsilon_, weight_decay_;
};

std::unique_ptr<Optimizer> make_sgd(const config::Settings& settings, std::size_t count) {
    return std::make_unique<Sgd>(settings, count);
}

std::unique_ptr<Optimizer> make_adam(const config::Settings& settings, std::size_t count) {
    return std::make_unique<Adam>(settings, 0.0, count);
}

std::unique_ptr<Optimizer> make_adamw(const config::Settings& settings, std::size_t count) {
    return std::make_unique<Adam>(settings, settings.number("weight_decay"), count);
}

using config::Effect;
using config::Key;
using config::Type;

/// How much of a running mean stays at each step.
Key decay_of_mean(std::string_view name, std::string_view fallback, std::string_view meaning) {
    return {.name = name,
            .type = Type::number,
            .fallback = fallback,
            .meaning = meaning,
            .effect = Effect::trajectory,
            .least = 0,
            .most = 1,
            .exclusive = true};
}

std::vector<Key> adam_keys() {
    return {decay_of_mean("beta1", "0.9", "of the gradient's running mean"),
            decay_of_mean("beta2", "0.999", "of the squared gradient's running mean"),
            {.name = "epsilon",
             .type = Type::number,
             .fallback = "1e-8",
             .meaning = "added to the root of the variance",
             .effect = Effect::trajectory,
             .least = 1e-30}}; // above the least normal float, or it would be no more than zero
}

std::vector<Key> adamw_keys() {
    std::vector<Key> keys = adam_keys();
    keys.push_back(
        {"weight_decay", Type::number, "0.01", "of every value, times the rate, a step", Effect::trajectory, 0});
    return keys;
}

std::vector<Key> sgd_keys() {
    return {{"momentum", Type::number, "0", "part of the running sum of gradients that stays; 0: none",
             Effect::trajectory, 0, 1},
            {"nesterov", Type::flag, "false", "look ahead along the momentum", Effect::trajectory},
            {"weight_decay", Type::number, "0", "times the values, added to the gradients", Effect::trajectory, 0}};
}

} // namespace

std::span<const OptimizerKind> optimizer_kinds() {
    static const OptimizerKind kinds[] = {
        {{"sgd", "stochastic gradient descent", sgd_keys()}, std::size(sgd_states), make_sgd},
        {{"adam", "Kingma & Ba 2015", adam_keys()}, std::size(adam_states), make_adam},
        {{"adamw", "Adam with decoupled weight decay, Loshchilov & Hutter 2019", adamw_keys()},
         std::size(adam_states),
         make_adamw},
    };
    return kinds;
}

const OptimizerKind& optimizer_kind(std::string_view name) {
    for (const OptimizerKind& kind : optimizer_kinds()) {
        if (kind.schema.name == name) return kind;
    }
    throw std::logic_error("no optimiser is called " + std::string(name));
}

} // namespace elbo::optimizers
#endif
