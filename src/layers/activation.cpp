// Activations, one fused pass each way over a layer's output. A row of the table, a struct of formulas and a case in
// with() make an activation. Initial weights: He et al. 2015 where half of the inputs is cut off or nearly so, Glorot &
// Bengio 2010 for the symmetric ones.
#include "layers/activation.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "layers/activation.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::layers::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::all;
using simd::V;

// Each has value(x) = f(x) and chain(diff, y) = diff f'(x) with y = f(x); or, where f' does not follow from f alone,
// value(x, slope), which also sets slope = f'(x).

/// f(x) = x
struct Identity {
    HWY_INLINE static V value(V x) { return x; }
};

/// f(x) = max(x, 0)
struct Relu {
    HWY_INLINE static V value(V x) { return simd::at_least(all(0), x); }
    HWY_INLINE static V chain(V diff, V y) { return hn::IfThenElseZero(hn::Gt(y, all(0)), diff); }
};

/// f' = 1 - f^2
struct Tanh {
    HWY_INLINE static V value(V x) { return simd::tanh(x); }
    HWY_INLINE static V chain(V diff, V y) { return diff * hn::NegMulAdd(y, y, all(1)); }
};

/// f(x) = 1 / (1 + e^-x), f' = f (1 - f)
struct Sigmoid {
    HWY_INLINE static V value(V x) { return simd::sigmoid(x); }
    HWY_INLINE static V chain(V diff, V y) { return diff * hn::NegMulAdd(y, y, y); }
};

/// f(x) = log(1 + e^x), f' = sigmoid(x) = 1 - e^-f
struct Softplus {
    HWY_INLINE static V value(V x) { return simd::softplus(x); }
    HWY_INLINE static V chain(V diff, V y) { return hn::Neg(diff) * hn::Expm1(simd::D(), hn::Neg(y)); }
};

/// f(x) = x where positive, else x / 100
struct LeakyRelu {
    HWY_INLINE static V value(V x) { return hn::IfThenElse(hn::Gt(x, all(0)), x, x * all(0.01f)); }
    HWY_INLINE static V chain(V diff, V y) { return hn::IfThenElse(hn::Gt(y, all(0)), diff, diff * all(0.01f)); }
};

/// f(x) = x P(x), P the standard normal distribution function (Hendrycks & Gimpel 2016); f' = P(x) + x p(x)
struct Gelu {
    HWY_INLINE static V value(V x, V& slope) {
        const V probability = hn::MulAdd(simd::erf(x * all(0.707106781f)), all(0.5f), all(0.5f));
        const V density = simd::exp(x * x * all(-0.5f)) * all(0.398942280f);
        slope = hn::MulAdd(x, density, probability);
        return x * probability;
    }
};

/// f(x) = x s(x), s the sigmoid (Elfwing et al. 2018); f' = s + f (1 - s)
struct Silu {
    HWY_INLINE static V value(V x, V& slope) {
        const V s = simd::sigmoid(x);
        const V y = x * s;
        slope = hn::MulAdd(y, all(1) - s, s);
        return y;
    }
};

template <class F>
constexpr bool keeps_slope = requires(V x) {
    F::value(x, x);
};

/// T: float or BFloat16, what is stored; formulas are in float. Bias: float* or std::nullptr_t for none.
template <class F, class T, class Bias>
void forward(Bias bias, Matrix<T> out, Matrix<T> slope) {
    for (std::size_t i = 0; i < out.rows(); ++i) {
        T* row = out.row(i).data();
        T* slope_row = nullptr;
        if constexpr (keeps_slope<F>) slope_row = slope.row(i).data();
        simd::for_each_vector(out.columns(), [&](auto at) HWY_ATTR {
            V x = at.load(row);
            if constexpr (!std::is_null_pointer_v<Bias>) x = x + at.load(bias);
            if constexpr (keeps_slope<F>) {
                V f_slope;
                at.store(F::value(x, f_slope), row);
                at.store(f_slope, slope_row);
            } else {
                at.store(F::value(x), row);
            }
        });
    }
}

/// diff f'(...) for one vector, stored where it changes.
template <class F, class T, class At>
HWY_INLINE V chain_at(At at, const T* kept, T* diff) {
    const V d = at.load(diff);
    if constexpr (std::is_same_v<F, Identity>) {
        return d;
    } else {
        V result;
        if constexpr (keeps_slope<F>) {
            result = d * at.load(kept);
        } else {
            result = F::chain(d, at.load(kept));
        }
        at.store(result, diff);
        return result;
    }
}

template <class F, class T>
void backward_alone(Matrix<const T> kept, Matrix<T> diff) {
    if constexpr (std::is_same_v<F, Identity>) return;
    for (std::size_t i = 0; i < diff.rows(); ++i)
        simd::for_each_vector(diff.columns(), [&](auto at) HWY_ATTR {
            chain_at<F>(at, kept.data() + i * kept.stride(), diff.row(i).data());
        });
}

/// Rows go through in groups, so that the bias's sums are read and written once a group.
template <class F, class T>
void backward(Matrix<const T> kept, Matrix<T> diff, std::span<float> diff_bias) {
    constexpr std::size_t group = 4;
    std::size_t i = 0;
    if (diff_bias.empty()) return backward_alone<F, T>(kept, diff);
    for (; i + group <= diff.rows(); i += group) {
        simd::for_each_vector(diff_bias.size(), [&](auto at) HWY_ATTR {
            V sum = at.load(diff_bias.data());
            for (std::size_t k = i; k < i + group; ++k) {
                sum = sum + chain_at<F>(at, kept.data() + k * kept.stride(), diff.row(k).data());
            }
            at.store(sum, diff_bias.data());
        });
    }
    for (; i < diff.rows(); ++i) {
        simd::for_each_vector(diff_bias.size(), [&](auto at) HWY_ATTR {
            const V d = chain_at<F>(at, kept.data() + i * kept.stride(), diff.row(i).data());
            at.store(at.load(diff_bias.data()) + d, diff_bias.data());
        });
    }
}

/// call(F()) with the activation's formulas.
template <class Call>
void with(Activation activation, const Call& call) {
    switch (activation) {
    case Activation::identity:
        return call(Identity());
    case Activation::relu:
        return call(Relu());
    case Activation::tanh:
        return call(Tanh());
    case Activation::sigmoid:
        return call(Sigmoid());
    case Activation::softplus:
        return call(Softplus());
    case Activation::leaky_relu:
        return call(LeakyRelu());
    case Activation::gelu:
        return call(Gelu());
    case Activation::silu:
        return call(Silu());
    }
}

template <class T>
void activate_in(Activation activation, std::span<const float> bias, Matrix<T> out, Matrix<T> slope) {
    with(activation, [&](auto f) {
        if (bias.empty())
            forward<decltype(f)>(nullptr, out, slope);
        else
            forward<decltype(f)>(bias.data(), out, slope);
    });
}

void activate(Activation activation, std::span<const float> bias, AnyMatrix out, AnyMatrix slope) {
    out.visit([&]<class T>(Matrix<T> typed) {
        activate_in(activation, bias, typed, slope.columns() == 0 ? Matrix<T>() : slope.as<T>());
    });
}

void backpropagate(Activation activation, ConstAnyMatrix kept, AnyMatrix diff, std::span<float> diff_bias) {
    diff.visit([&]<class T>(Matrix<T> typed) {
        if (activation == Activation::identity) return backward<Identity, T>({}, typed, diff_bias);
        with(activation, [&](auto f) { backward<decltype(f), T>(kept.as<T>(), typed, diff_bias); });
    });
}

} // namespace elbo::layers::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <cmath>
#include <stdexcept>

namespace elbo::layers {

namespace {

HWY_EXPORT(activate);
HWY_EXPORT(backpropagate);

Initial he(std::size_t inputs, std::size_t) {
    return {Initial::Kind::uniform, std::sqrt(6.0 / static_cast<double>(inputs))};
}

Initial glorot(std::size_t inputs, std::size_t outputs) {
    return {Initial::Kind::uniform, std::sqrt(6.0 / static_cast<double>(inputs + outputs))};
}

/// The sigmoid's slope at 0 is a quarter of the tanh's, so that its weights are four times as large. Without this an
/// autoencoder of four layers learns nothing: the signal is lost among the halves that every unit gives.
Initial glorot_for_sigmoid(std::size_t inputs, std::size_t outputs) {
    Initial initial = glorot(inputs, outputs);
    initial.scale *= 4;
    return initial;
}

} // namespace

std::span<const ActivationKind> activation_kinds() {
    static const ActivationKind kinds[] = {
        {{"identity", "x itself"}, Activation::identity, false, glorot},
        {{"relu", "max(x, 0)"}, Activation::relu, false, he},
        {{"tanh", "hyperbolic tangent"}, Activation::tanh, false, glorot},
        {{"sigmoid", "1 / (1 + e^-x)"}, Activation::sigmoid, false, glorot_for_sigmoid},
        {{"softplus", "log(1 + e^x)"}, Activation::softplus, false, he},
        {{"leaky_relu", "x where positive, else x / 100"}, Activation::leaky_relu, false, he},
        {{"gelu", "x times the normal distribution function"}, Activation::gelu, true, he},
        {{"silu", "x / (1 + e^-x)"}, Activation::silu, true, he},
    };
    return kinds;
}

const ActivationKind& activation_kind(std::string_view name) {
    for (const ActivationKind& kind : activation_kinds()) {
        if (kind.schema.name == name) return kind;
    }
    throw std::logic_error("no activation is called " + std::string(name));
}

const ActivationKind& activation_kind(Activation activation) {
    for (const ActivationKind& kind : activation_kinds()) {
        if (kind.activation == activation) return kind;
    }
    throw std::logic_error("an activation without a row in the table");
}

config::Key activation_key(std::string_view fallback) {
    std::vector<std::string_view> names;
    for (const ActivationKind& kind : activation_kinds()) names.push_back(kind.schema.name);
    const bool of_model = fallback == "~";
    return {.name = "activation",
            .type = config::Type::text,
            .fallback = fallback,
            .meaning = of_model ? "the layer's own, else model.activation" : "of the result",
            .words = names};
}

void activate(Activation activation, std::span<const float> bias, AnyMatrix out, AnyMatrix slope) {
    HWY_DYNAMIC_DISPATCH(activate)(activation, bias, out, slope);
}

void backpropagate_activation(Activation activation, ConstAnyMatrix kept, AnyMatrix diff, std::span<float> diff_bias) {
    HWY_DYNAMIC_DISPATCH(backpropagate)(activation, kept, diff, diff_bias);
}

} // namespace elbo::layers
#endif
