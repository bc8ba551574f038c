// Vectors of floats for elementwise kernels, on Highway: a loop that treats an element alike in its body and its tail,
// sums in double, and the functions that activations and likelihoods need. A file with kernels looks so:
//
//     #include "layers/activation.hpp"            // what the file implements; ordinary headers come first
//
//     #undef HWY_TARGET_INCLUDE
//     #define HWY_TARGET_INCLUDE "layers/activation.cpp" // this file itself: it is compiled once for each target
//     #include <hwy/foreach_target.h>
//
//     #include "numerics/simd.hpp"
//
//     HWY_BEFORE_NAMESPACE();
//     namespace elbo::layers::HWY_NAMESPACE {
//     namespace simd = elbo::simd::HWY_NAMESPACE;
//
//     void softplus(std::span<const float> in, std::span<float> out) {
//         simd::for_each_vector(out.size(), [&](auto at) HWY_ATTR { // HWY_ATTR: a lambda does not inherit the target
//             at.store(simd::softplus(at.load(in.data())), out.data());
//         });
//     }
//
//     /// Sum of log N(x; mean, 1) without its constant.
//     double log_density(std::span<const float> x, std::span<const float> mean) {
//         return simd::sum(x.size(), [&](auto at) HWY_ATTR {
//             const simd::V difference = at.load(x.data()) - at.load(mean.data());
//             return simd::V(simd::all(-0.5f) * difference * difference);
//         });
//     }
//
//     } // namespace elbo::layers::HWY_NAMESPACE
//     HWY_AFTER_NAMESPACE();
//
//     #if HWY_ONCE
//     namespace elbo::layers {
//     namespace {
//     HWY_EXPORT(softplus); // in the namespace that holds HWY_NAMESPACE, or an unnamed one within
//     HWY_EXPORT(log_density);
//     } // namespace
//     void forward(std::span<const float> in, std::span<float> out) { HWY_DYNAMIC_DISPATCH(softplus)(in, out); }
//     } // namespace elbo::layers
//     #endif
//
// Vectors have + - * /; everything else is Highway's (simd::hn::MulAdd, IfThenElse, Max, Sqrt ...). Products and sums
// are fused where MulAdd says so and nowhere else. BFloat16s are widened by load() and rounded by store(). A range may
// alias another exactly, never in part. Nothing included before foreach_target.h may include Highway. Not #pragma once:
// the file is read again for each target.
#if defined(ELBO_NUMERICS_SIMD_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef ELBO_NUMERICS_SIMD_HPP
#undef ELBO_NUMERICS_SIMD_HPP
#else
#define ELBO_NUMERICS_SIMD_HPP
#endif

#include "numerics/bfloat16.hpp"

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace elbo::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>; ///< the tag that Highway's functions want: a full vector of floats
using V = hn::Vec<D>;

/// x in every lane.
HWY_INLINE V all(float x) { return hn::Set(D(), x); }

/// Floats in a vector.
HWY_INLINE std::size_t lanes() { return hn::Lanes(D()); }

// ---- bfloat16 in memory ----

using D16 = hn::Rebind<std::uint16_t, D>; ///< as many 16-bit numbers as a vector has floats
using V16 = hn::Vec<D16>;

HWY_INLINE const std::uint16_t* bits_of(const BFloat16* x) { return reinterpret_cast<const std::uint16_t*>(x); }
HWY_INLINE std::uint16_t* bits_of(BFloat16* x) { return reinterpret_cast<std::uint16_t*>(x); }

/// Exact.
HWY_INLINE V widen(V16 bits) {
    const hn::RebindToUnsigned<D> integers;
    return hn::BitCast(D(), hn::ShiftLeft<16>(hn::PromoteTo(integers, bits)));
}

/// to_bfloat16() in each lane. By integers: the instruction that newer CPUs have flushes subnormal numbers.
HWY_INLINE V16 round_to_bfloat16(V v) {
    const hn::RebindToUnsigned<D> integers;
    const auto bits = hn::BitCast(integers, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(integers, 1));
    const auto rounded = bits + odd + hn::Set(integers, 0x7FFF);
    const auto quiet = hn::Or(bits, hn::Set(integers, 0x00400000));
    const auto chosen = hn::IfThenElse(hn::RebindMask(integers, hn::IsNaN(v)), quiet, rounded);
    return hn::TruncateTo(D16(), hn::ShiftRight<16>(chosen));
}

// ---- Ranges ----

/// A vector's place in a range, all of its lanes within. Pointers are to the range's first element.
struct Whole {
    std::size_t begin;
    V load(const float* from) const { return hn::LoadU(D(), from + begin); }
    void store(V v, float* to) const { hn::StoreU(v, D(), to + begin); }
    V load(const BFloat16* from) const { return widen(hn::LoadU(D16(), bits_of(from + begin))); }
    void store(V v, BFloat16* to) const { hn::StoreU(round_to_bfloat16(v), D16(), bits_of(to + begin)); }
    /// v with 0 in the lanes outside of the range.
    V within(V v) const { return v; }
};

/// The same for the end of a range: only `count` lanes are within. Others read as 0 and are not written.
struct Part {
    std::size_t begin, count;
    V within(V v) const { return hn::IfThenElseZero(hn::FirstN(D(), count), v); }

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
    V load(const float* from) const { return hn::MaskedLoad(hn::FirstN(D(), count), D(), from + begin); }
    void store(V v, float* to) const { hn::BlendedStore(v, hn::FirstN(D(), count), D(), to + begin); }
#else
    // Without masked instructions Highway would touch memory outside of the range.
    V load(const float* from) const {
        HWY_ALIGN float buffer[HWY_MAX_BYTES / sizeof(float)] = {};
        for (std::size_t i = 0; i < count; ++i) buffer[i] = from[begin + i];
        return hn::Load(D(), buffer);
    }
    void store(V v, float* to) const {
        HWY_ALIGN float buffer[HWY_MAX_BYTES / sizeof(float)];
        hn::Store(v, D(), buffer);
        for (std::size_t i = 0; i < count; ++i) to[begin + i] = buffer[i];
    }
#endif

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    V load(const BFloat16* from) const {
        return widen(hn::MaskedLoad(hn::FirstN(D16(), count), D16(), bits_of(from + begin)));
    }
    void store(V v, BFloat16* to) const {
        hn::BlendedStore(round_to_bfloat16(v), hn::FirstN(D16(), count), D16(), bits_of(to + begin));
    }
#else
    // AVX2 has no masked instructions for 16 bits.
    V load(const BFloat16* from) const {
        HWY_ALIGN std::uint16_t buffer[HWY_MAX_BYTES / sizeof(float)] = {};
        for (std::size_t i = 0; i < count; ++i) buffer[i] = from[begin + i].bits;
        return widen(hn::Load(D16(), buffer));
    }
    void store(V v, BFloat16* to) const {
        HWY_ALIGN std::uint16_t buffer[HWY_MAX_BYTES / sizeof(float)];
        hn::Store(round_to_bfloat16(v), D16(), buffer);
        for (std::size_t i = 0; i < count; ++i) to[begin + i].bits = buffer[i];
    }
#endif
};

/// kernel(at) for each vector of [0, n), at being a Whole or, for what is left, a Part.
template <class Kernel>
HWY_INLINE void for_each_vector(std::size_t n, const Kernel& kernel) {
    const std::size_t step = lanes();
    std::size_t i = 0;
    for (; i + step <= n; i += step) kernel(Whole{i});
    if (i < n) kernel(Part{i, n - i});
}

/// Sums in double of the lanes of float vectors, in the order of add().
class DoubleSum {
public:
    DoubleSum() : lower_(hn::Zero(Wide())), upper_(hn::Zero(Wide())) {}

    template <class At>
    HWY_INLINE void add(At at, V terms) {
        const V v = at.within(terms);
        lower_ = lower_ + lower(v);
        upper_ = upper_ + upper(v);
    }
    /// Adds x * x, exact in double.
    template <class At>
    HWY_INLINE void add_squares(At at, V terms) {
        const V v = at.within(terms);
        lower_ = hn::MulAdd(lower(v), lower(v), lower_);
        upper_ = hn::MulAdd(upper(v), upper(v), upper_);
    }
    /// Over all lanes in ascending order, so that a sum depends on its terms, their number and the vector's length
    /// alone.
    HWY_INLINE double total() const {
        HWY_ALIGN double lane[HWY_MAX_BYTES / sizeof(double)];
        hn::Store(lower_ + upper_, Wide(), lane);
        double sum = 0;
        for (std::size_t i = 0; i < hn::Lanes(Wide()); ++i) sum += lane[i];
        return sum;
    }
    /// Each lane's sum, rounded.
    HWY_INLINE V of_each_lane() const {
#if HWY_TARGET == HWY_SCALAR
        return hn::DemoteTo(D(), lower_);
#else
        const hn::Half<D> half;
        return hn::Combine(D(), hn::DemoteTo(half, upper_), hn::DemoteTo(half, lower_));
#endif
    }

private:
    using Wide = hn::ScalableTag<double>;
    using W = hn::Vec<Wide>;
#if HWY_TARGET == HWY_SCALAR
    HWY_INLINE static W lower(V v) { return hn::PromoteTo(Wide(), v); }
    HWY_INLINE static W upper(V) { return hn::Zero(Wide()); }
#else
    HWY_INLINE static W lower(V v) { return hn::PromoteTo(Wide(), hn::LowerHalf(hn::Half<D>(), v)); }
    HWY_INLINE static W upper(V v) { return hn::PromoteTo(Wide(), hn::UpperHalf(hn::Half<D>(), v)); }
#endif
    W lower_, upper_;
};

/// Sum in double of the vectors that term(at) returns for [0, n). The term may store something on its way.
template <class Term>
HWY_INLINE double sum(std::size_t n, const Term& term) {
    DoubleSum terms;
    for_each_vector(n, [&](auto at) HWY_ATTR { terms.add(at, term(at)); });
    return terms.total();
}

// ---- Functions ----
// Defined for every float: infinities give limits, NaN gives NaN. Polynomials are minimax fits (Remez) of elbo's own;
// the errors stated are the largest that the tests allow, in units in the last place.

namespace internal {

/// (2 atanh(s) - 2 s) / s^3 as a function of s^2 in [0, 1/9].
HWY_INLINE V atanh_tail(V s2) {
    V p = hn::MulAdd(all(2.798754275e-01f), s2, all(2.800758779e-01f));
    p = hn::MulAdd(p, s2, all(4.002109766e-01f));
    return hn::MulAdd(p, s2, all(6.666642427e-01f));
}

/// log(1 + x) for x in [0, 1], as 2 atanh(x / (2 + x)).
HWY_INLINE V log1p_of_unit(V x) {
    const V s = x / (x + all(2));
    const V s2 = s * s;
    return hn::MulAdd(s * s2, atanh_tail(s2), s + s);
}

} // namespace internal

namespace internal {

/// e^x = 2^n (1 + p) with |p| below 0.42; n still with the number added that rounded it.
struct Exponential {
    V shifted, one_plus_p;
};

/// For x within [-105, 89].
HWY_INLINE Exponential exponential(V x) {
    // x = n log 2 + r; adding 1.5 * 2^23 rounds to the integer n and leaves it in the low bits.
    const V shifter = all(12582912.0f);
    const V shifted = hn::MulAdd(x, all(1.44269504f), shifter);
    const V n = shifted - shifter;
    V r = hn::NegMulAdd(n, all(0.693145751953125f), x);
    r = hn::NegMulAdd(n, all(1.42860677e-06f), r);
    V p = hn::MulAdd(all(1.381499576e-03f), r, all(8.368639275e-03f));
    p = hn::MulAdd(p, r, all(4.166837409e-02f));
    p = hn::MulAdd(p, r, all(1.666652113e-01f));
    p = hn::MulAdd(p, r, all(4.999999404e-01f));
    return {shifted, hn::MulAdd(p, r * r, r) + all(1)};
}

} // namespace internal

/// e^x, 2 ulp. Above 88.72 infinity; below -103.97 zero.
HWY_INLINE V exp(V x) {
    const hn::RebindToSigned<D> integers;
    x = hn::IfThenElse(hn::Gt(x, all(89)), all(89), x);
    x = hn::IfThenElse(hn::Lt(x, all(-105)), all(-105), x);
    const internal::Exponential e = internal::exponential(x);
    // Times 2^n in two steps, for results below and above the normal range.
    const auto power = hn::BitCast(integers, e.shifted) - hn::BitCast(integers, all(12582912.0f));
    const auto half = hn::ShiftRight<1>(power);
    const auto bias = hn::Set(integers, 127);
    const V scale_half = hn::BitCast(D(), hn::ShiftLeft<23>(half + bias));
    const V scale_rest = hn::BitCast(D(), hn::ShiftLeft<23>(power - half + bias));
    return e.one_plus_p * scale_half * scale_rest;
}

/// e^x for x <= 0, 2 ulp, in fewer instructions: below -87.3 it stays at 2^-126.
HWY_INLINE V exp_of_negative(V x) {
    const hn::RebindToSigned<D> integers;
    x = hn::IfThenElse(hn::Lt(x, all(-87.33654f)), all(-87.33654f), x);
    const internal::Exponential e = internal::exponential(x);
    // The shifter's own bits leave by the shift.
    const auto power = hn::ShiftLeft<23>(hn::BitCast(integers, e.shifted) + hn::Set(integers, 127));
    return e.one_plus_p * hn::BitCast(D(), power);
}

/// Natural logarithm, 3 ulp. log(0) is minus infinity, of a negative number NaN.
HWY_INLINE V log(V x) {
    const hn::RebindToSigned<D> integers;
    const V infinity = all(std::numeric_limits<float>::infinity());
    const auto subnormal = hn::Lt(x, all(std::numeric_limits<float>::min()));
    const V scaled = hn::IfThenElse(subnormal, x * all(33554432.0f), x); // 2^25
    // scaled = 2^n m with m in [sqrt(1/2), sqrt(2)).
    const auto offset = hn::Set(integers, 0x3F3504F3);
    const auto bits = hn::BitCast(integers, scaled) - offset;
    const auto exponent = hn::ShiftRight<23>(bits);
    const V m = hn::BitCast(D(), (bits - hn::ShiftLeft<23>(exponent)) + offset);
    const V n = hn::ConvertTo(D(), exponent) - hn::IfThenElseZero(subnormal, all(25));
    const V s = (m - all(1)) / (m + all(1));
    const V s2 = s * s;
    V result = hn::MulAdd(s * s2, internal::atanh_tail(s2), s + s);
    result = hn::MulAdd(n, all(1.42860677e-06f), result);
    result = hn::MulAdd(n, all(0.693145751953125f), result);
    result = hn::IfThenElse(hn::Lt(x, infinity), result, x);
    const V outside = hn::IfThenElse(hn::Eq(x, all(0)), hn::Neg(infinity), hn::NaN(D()));
    return hn::IfThenElse(hn::Gt(x, all(0)), result, outside);
}

/// log(1 + x), 4 ulp, exact near 0 (Kahan's correction of the rounding of 1 + x).
HWY_INLINE V log1p(V x) {
    const V y = x + all(1);
    const V corrected = log(y) * (x / (y - all(1)));
    const auto tiny = hn::Eq(y, all(1));
    const auto infinite = hn::Eq(x, all(std::numeric_limits<float>::infinity()));
    return hn::IfThenElse(hn::Or(tiny, infinite), x, corrected);
}

/// Hyperbolic tangent, 3 ulp: x + x^3 P(x^2) for |x| below 0.6, beyond 1 - 2 / (e^(2 |x|) + 1).
HWY_INLINE V tanh(V x) {
    const V a = hn::Abs(x);
    const V x2 = x * x;
    V p = hn::MulAdd(all(-5.895154083e-03f), x2, all(2.079596879e-02f));
    p = hn::MulAdd(p, x2, all(-5.378382961e-02f));
    p = hn::MulAdd(p, x2, all(1.333192412e-01f));
    p = hn::MulAdd(p, x2, all(-3.333329800e-01f));
    const V near = hn::MulAdd(x * x2, p, x);
    const V e = exp_of_negative(a * all(-2));
    const V far = all(1) - (e + e) / (all(1) + e);
    return hn::IfThenElse(hn::Lt(a, all(0.6f)), near, hn::CopySign(far, x));
}

/// Both of 1 / (1 + e^-x) and log(1 + e^x), which share their exponential.
struct Logistic {
    V sigmoid;  ///< 3 ulp
    V softplus; ///< 3 ulp
};

HWY_INLINE Logistic logistic(V x) {
    const V e = exp(hn::Neg(hn::Abs(x)));
    const V above_half = all(1) / (e + all(1));
    const auto negative = hn::Lt(x, all(0));
    const V positive_part = hn::IfThenElse(negative, all(0), x);
    return {hn::IfThenElse(negative, e * above_half, above_half), positive_part + internal::log1p_of_unit(e)};
}

HWY_INLINE V sigmoid(V x) { return logistic(x).sigmoid; }
HWY_INLINE V softplus(V x) { return logistic(x).softplus; }

/// Error function, 3 ulp: x P(x^2) for |x| below 1, beyond 1 - e^Q(|x|) with Q fitted to log erfc, a form that keeps
/// the exponential's relative error harmless (Juffa's single-precision erff has the same two parts).
HWY_INLINE V erf(V x) {
    const V a = hn::Abs(x);
    const V x2 = x * x;
    V p = hn::MulAdd(all(7.853877469e-05f), x2, all(-8.010198362e-04f));
    p = hn::MulAdd(p, x2, all(5.188328214e-03f));
    p = hn::MulAdd(p, x2, all(-2.685381286e-02f));
    p = hn::MulAdd(p, x2, all(1.128358543e-01f));
    p = hn::MulAdd(p, x2, all(-3.761262596e-01f));
    p = hn::MulAdd(p, x2, all(1.128379107e+00f));
    const V t = hn::IfThenElse(hn::Gt(a, all(4)), all(4), a); // erf(4) rounds to 1
    V q = hn::MulAdd(all(-1.703764065e-05f), t, all(3.796887759e-04f));
    q = hn::MulAdd(q, t, all(-3.865186125e-03f));
    q = hn::MulAdd(q, t, all(2.420265600e-02f));
    q = hn::MulAdd(q, t, all(-1.066847146e-01f));
    q = hn::MulAdd(q, t, all(-6.349620223e-01f));
    q = hn::MulAdd(q, t, all(-1.128632307e+00f));
    q = hn::MulAdd(q, t, all(-2.659319580e-05f));
    const V far = hn::CopySign(all(1) - exp(q), x);
    return hn::IfThenElse(hn::Lt(a, all(1)), x * p, far);
}

} // namespace elbo::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif // per target
