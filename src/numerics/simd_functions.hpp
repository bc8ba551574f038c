// Functions of vectors: exponentials, logarithms and what is made of them. A part of simd.hpp, which alone includes it,
// once for each target. Defined for every float: infinities give limits, NaN gives NaN. Polynomials are minimax fits
// (Remez) of elbo's own; the errors stated are the largest that the tests allow, in units in the last place.

#include <hwy/contrib/math/math-inl.h>

#include <limits>

HWY_BEFORE_NAMESPACE();
namespace elbo::simd::HWY_NAMESPACE {

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

/// e^x = 2^k (1 + r + r^2 tail) with |r| up to log(2) / 2, of several vectors; k still with the number added that
/// rounded it.
template <std::size_t n>
struct Exponentials {
    V shifted[n], r[n], tail[n];
    HWY_INLINE V mantissa(std::size_t i) const { return hn::MulAdd(hn::MulAdd(tail[i], r[i], all(1)), r[i], all(1)); }
    HWY_INLINE V mantissa_less_one(std::size_t i) const { return hn::MulAdd(tail[i], r[i] * r[i], r[i]); }
};

/// For x within [-105, 89]. Operation by operation: each waits for the one before, and a processor looks ahead over
/// some hundred instructions only.
template <std::size_t n>
HWY_INLINE Exponentials<n> exponentials(const V (&x)[n]) {
    // x = k log 2 + r; adding 1.5 * 2^23 rounds to the integer k and leaves it in the low bits.
    const V shifter = all(12582912.0f);
    Exponentials<n> e;
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) e.shifted[i] = hn::MulAdd(x[i], all(1.44269504f), shifter);
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) e.tail[i] = e.shifted[i] - shifter;
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) e.r[i] = hn::NegMulAdd(e.tail[i], all(0.693145751953125f), x[i]);
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) e.r[i] = hn::NegMulAdd(e.tail[i], all(1.42860677e-06f), e.r[i]);
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) {
        e.tail[i] = hn::MulAdd(all(1.381499576e-03f), e.r[i], all(8.368639275e-03f));
    }
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) e.tail[i] = hn::MulAdd(e.tail[i], e.r[i], all(4.166837409e-02f));
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) e.tail[i] = hn::MulAdd(e.tail[i], e.r[i], all(1.666652113e-01f));
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) e.tail[i] = hn::MulAdd(e.tail[i], e.r[i], all(4.999999404e-01f));
    return e;
}

} // namespace internal

/// e^x, 2 ulp. Above 88.72 infinity; below -103.97 zero.
HWY_INLINE V exp(V x) {
    const hn::RebindToSigned<D> integers;
    const auto e = internal::exponentials({at_most(all(89), at_least(all(-105), x))});
    // Times 2^n in two steps, for results below and above the normal range.
    const auto power = hn::BitCast(integers, e.shifted[0]) - hn::BitCast(integers, all(12582912.0f));
    const auto half = hn::ShiftRight<1>(power);
    const auto bias = hn::Set(integers, 127);
    const V scale_half = hn::BitCast(D(), hn::ShiftLeft<23>(half + bias));
    const V scale_rest = hn::BitCast(D(), hn::ShiftLeft<23>(power - half + bias));
    return e.mantissa(0) * scale_half * scale_rest;
}

/// e^x for x <= 0 in place of each x, 2 ulp, in fewer instructions: below -87 it stays at e^-87.
template <std::size_t n>
HWY_INLINE void take_exp_of_negative(V (&x)[n]) {
    const hn::RebindToSigned<D> integers;
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) x[i] = at_least(all(-87), x[i]);
    const auto e = internal::exponentials(x);
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) x[i] = hn::MulAdd(e.tail[i], e.r[i], all(1));
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) x[i] = hn::MulAdd(x[i], e.r[i], all(1));
    ELBO_UNROLL for (std::size_t i = 0; i < n; ++i) {
        // k is added to the exponent; the shifter's own bits leave by the shift.
        const auto power = hn::ShiftLeft<23>(hn::BitCast(integers, e.shifted[i]));
        x[i] = hn::BitCast(D(), hn::BitCast(integers, x[i]) + power);
    }
}

HWY_INLINE V exp_of_negative(V x) {
    V one[] = {x};
    take_exp_of_negative(one);
    return one[0];
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

/// Hyperbolic tangent, 3 ulp, as m / (m + 2) with m = e^(2 |x|) - 1.
HWY_INLINE V tanh(V x) {
    const hn::RebindToSigned<D> integers;
    const V a = at_most(all(9.5f), hn::Abs(x)); // from 9.02 on it is 1
    const auto e = internal::exponentials({a + a});
    const auto power = hn::ShiftLeft<23>(hn::BitCast(integers, e.shifted[0]) + hn::Set(integers, 127));
    const V scale = hn::BitCast(D(), power);
    const V m = hn::MulAdd(scale, e.mantissa_less_one(0), scale - all(1));
    return hn::CopySign(m / (m + all(2)), x);
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
