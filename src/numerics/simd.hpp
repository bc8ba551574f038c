// Vectors of floats for elementwise kernels, on Highway: a loop that treats an element alike in its body and its tail,
// sums in double, and (in simd_functions.hpp) what activations and likelihoods need. A file with kernels looks so:
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

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

// With a check of every address GCC takes ten minutes for a file of unrolled kernels.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ELBO_CHECKS_ADDRESSES 1
#else
#define ELBO_CHECKS_ADDRESSES 0
#endif

// A loop of constant length in full from the start, so that the vectors that it indexes are registers.
#ifndef ELBO_UNROLL
#if ELBO_CHECKS_ADDRESSES
#define ELBO_UNROLL
#elif defined(__clang__)
#define ELBO_UNROLL _Pragma("unroll")
#else
#define ELBO_UNROLL _Pragma("GCC unroll 16")
#endif
#endif

HWY_BEFORE_NAMESPACE();
namespace elbo::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>; ///< the tag that Highway's functions want: a full vector of floats
using V = hn::Vec<D>;

/// x in every lane.
HWY_INLINE V all(float x) { return hn::Set(D(), x); }

/// x, but at least or at most so much. NaN stays NaN: of two operands, x86 returns the second where one is no number.
HWY_INLINE V at_least(V least, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
    return hn::Max(least, x);
#else
    return hn::IfThenElse(hn::Lt(x, least), least, x);
#endif
}
HWY_INLINE V at_most(V most, V x) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
    return hn::Min(most, x);
#else
    return hn::IfThenElse(hn::Gt(x, most), most, x);
#endif
}

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
    void store(V v, BFloat16* to) const { store(round_to_bfloat16(v), to); }
    void store(V16 rounded, BFloat16* to) const { hn::StoreU(rounded, D16(), bits_of(to + begin)); }
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
        HWY_ALIGN float buffer[HWY_MAX_BYTES / sizeof(float)] = {};
        hn::Store(v, D(), buffer);
        for (std::size_t i = 0; i < count; ++i) to[begin + i] = buffer[i];
    }
#endif

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    V load(const BFloat16* from) const {
        return widen(hn::MaskedLoad(hn::FirstN(D16(), count), D16(), bits_of(from + begin)));
    }
    void store(V16 rounded, BFloat16* to) const {
        hn::BlendedStore(rounded, hn::FirstN(D16(), count), D16(), bits_of(to + begin));
    }
#else
    // AVX2 has no masked instructions for 16 bits.
    V load(const BFloat16* from) const {
        HWY_ALIGN std::uint16_t buffer[HWY_MAX_BYTES / sizeof(float)] = {};
        for (std::size_t i = 0; i < count; ++i) buffer[i] = from[begin + i].bits;
        return widen(hn::Load(D16(), buffer));
    }
    void store(V16 rounded, BFloat16* to) const {
        HWY_ALIGN std::uint16_t buffer[HWY_MAX_BYTES / sizeof(float)];
        hn::Store(rounded, D16(), buffer);
        for (std::size_t i = 0; i < count; ++i) to[begin + i].bits = buffer[i];
    }
#endif
    void store(V v, BFloat16* to) const { store(round_to_bfloat16(v), to); }
};

/// kernel(at) for each vector of [0, n), at being a Whole or, for what is left, a Part.
template <class Kernel>
HWY_INLINE void for_each_vector(std::size_t n, const Kernel& kernel) {
    const std::size_t step = lanes();
    std::size_t i = 0;
    for (; i + step <= n; i += step) kernel(Whole{i});
    if (i < n) kernel(Part{i, n - i});
}

/// Places of n vectors of a range, one behind the other.
template <class At, std::size_t n>
struct Together {
    static constexpr std::size_t count = n;
    At first;
    At operator[](std::size_t i) const {
        At at = first;
        at.begin += i * lanes();
        return at;
    }
};

/// kernel(at) for n vectors of a range at a time, at being n places Together; for those that are left, one.
template <std::size_t n, class Kernel>
HWY_INLINE void for_each_vectors(std::size_t count, const Kernel& kernel) {
    const std::size_t step = lanes();
    std::size_t i = 0;
    for (; i + n * step <= count; i += n * step) kernel(Together<Whole, n>{{i}});
    for (; i + step <= count; i += step) kernel(Together<Whole, 1>{{i}});
    if (i < count) kernel(Together<Part, 1>{{i, count - i}});
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

} // namespace elbo::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#include "numerics/simd_functions.hpp"

#endif // per target
