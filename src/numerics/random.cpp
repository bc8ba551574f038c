// Philox4x32-10 with one counter a lane, and the distributions made of its words. random_words() is Random123's own;
// the vectors agree with it to the bit. Normals are the same on every CPU with fused multiply-add.
#include "numerics/random.hpp"

#include "base/error.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/random.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::all;
using simd::V;

using Key = std::array<std::uint32_t, 2>;
using Counter = std::array<std::uint32_t, 4>;

using Wide = hn::ScalableTag<std::uint64_t>; ///< a word in each lane's low half; high halves hold anything
using Words = hn::Vec<Wide>;

/// Dimensions made at a time: several vectors of every target, little enough for the stack.
constexpr std::size_t piece = 256;

/// Products of 64 bits of the lanes' low halves and a constant.
HWY_INLINE Words product(Words a, std::uint32_t b) {
#if HWY_TARGET == HWY_SCALAR
    return hn::Set(Wide(), (hn::GetLane(a) & 0xFFFFFFFFu) * b);
#else
    const hn::Repartition<std::uint32_t, Wide> narrow;
    return hn::MulEven(hn::BitCast(narrow, a), hn::BitCast(narrow, hn::Set(Wide(), b)));
#endif
}

/// The upper word of each lane in its lower half.
HWY_INLINE Words high(Words a) {
#if HWY_TARGET == HWY_SCALAR
    return hn::ShiftRight<32>(a);
#else
    const hn::Repartition<std::uint32_t, Wide> narrow;
    return hn::BitCast(Wide(), hn::Shuffle2301(hn::BitCast(narrow, a)));
#endif
}

/// One counter a lane.
struct Counters {
    Words c0, c1, c2, c3;

    HWY_INLINE void round(Words k0, Words k1) {
        const Words p0 = product(c0, 0xD2511F53u), p1 = product(c2, 0xCD9E8D57u);
        c0 = hn::Xor3(high(p1), c1, k0);
        c1 = p1;
        c2 = hn::Xor3(high(p0), c3, k1);
        c3 = p0;
    }
    /// The words of each counter, one counter after the other.
    HWY_INLINE void store(std::uint32_t* words) const {
        const Words low_half = hn::Set(Wide(), 0xFFFFFFFFu);
        const Words first = hn::Or(hn::And(c0, low_half), hn::ShiftLeft<32>(c1));
        const Words second = hn::Or(hn::And(c2, low_half), hn::ShiftLeft<32>(c3));
        hn::StoreInterleaved2(first, second, Wide(), reinterpret_cast<std::uint64_t*>(words));
    }
};

/// Counters from which the words of `begin` and later ones come.
HWY_INLINE Counters counters_at(const Counter& counter, std::size_t begin) {
    const Words first = hn::Set(Wide(), counter[0] + static_cast<std::uint32_t>(begin / 4));
    return {first + hn::Iota(Wide(), 0), hn::Set(Wide(), counter[1]), hn::Set(Wide(), counter[2]),
            hn::Set(Wide(), counter[3])};
}

/// The ten rounds of some vectors of counters, side by side.
template <class... Some>
HWY_INLINE void rounds(const Key& key, Some&... counters) {
    std::uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const Words k0s = hn::Set(Wide(), k0), k1s = hn::Set(Wide(), k1);
        (counters.round(k0s, k1s), ...);
    }
}

/// `count` words, rounded up to whole vectors of counters; two at a time, since one leaves the multipliers waiting.
HWY_INLINE void make_words(const Key& key, const Counter& counter, std::size_t count, std::uint32_t* words) {
    const std::size_t step = 4 * hn::Lanes(Wide());
    std::size_t made = 0;
    for (; made + step < count; made += 2 * step) {
        Counters a = counters_at(counter, made), b = counters_at(counter, made + step);
        rounds(key, a, b);
        a.store(words + made);
        b.store(words + made + step);
    }
    if (made >= count) return;
    Counters last = counters_at(counter, made);
    rounds(key, last);
    last.store(words + made);
}

/// use(begin, count, words) for the pieces of [0, dimensions), with at least `count` words, in whole vectors.
template <class Use>
HWY_INLINE void for_each_piece(const Key& key, Counter counter, std::size_t dimensions, const Use& use) {
    HWY_ALIGN std::uint32_t words[piece];
    for (std::size_t begin = 0; begin < dimensions; begin += piece, counter[0] += piece / 4) {
        const std::size_t count = std::min(piece, dimensions - begin);
        make_words(key, counter, count, words);
        use(begin, count, words);
    }
}

HWY_INLINE auto load_words(const std::uint32_t* words) { return hn::Load(hn::RebindToUnsigned<simd::D>(), words); }

/// Words as signed integers, rounded to float.
template <class U>
HWY_INLINE V to_float(U words) {
    return hn::ConvertTo(simd::D(), hn::BitCast(hn::RebindToSigned<simd::D>(), words));
}

/// [0, 1), from the upper 24 bits, exact.
HWY_INLINE V uniform(const std::uint32_t* words) {
    return to_float(hn::ShiftRight<8>(load_words(words))) * all(0x1p-24f);
}

void uniforms(const Key& key, const Counter& counter, std::span<float> out) {
    for_each_piece(key, counter, out.size(),
                   [&](std::size_t begin, std::size_t count, const std::uint32_t* words) HWY_ATTR {
                       float* to = out.data() + begin;
                       simd::for_each_vector(count, [&](auto at) HWY_ATTR { at.store(uniform(words + at.begin), to); });
                   });
}

void bernoullis(const Key& key, const Counter& counter, std::span<float> x) {
    for_each_piece(key, counter, x.size(),
                   [&](std::size_t begin, std::size_t count, const std::uint32_t* words) HWY_ATTR {
                       float* to = x.data() + begin;
                       simd::for_each_vector(count, [&](auto at) HWY_ATTR {
                           at.store(hn::IfThenElseZero(hn::Lt(uniform(words + at.begin), at.load(to)), all(1)), to);
                       });
                   });
}

/// Box & Muller: radius from the even words, as uniforms of (0, 1] that come down to 2^-32 (radii up to 6.66); angle
/// from the odd ones, in [-pi, pi]. Sine and cosine of |angle| <= pi are within Highway's 3 ulp.
HWY_INLINE void make_normals(const std::uint32_t* words, std::size_t count, float* normals) {
    const hn::RebindToUnsigned<simd::D> tag;
    for (std::size_t i = 0; i < count; i += 2 * simd::lanes()) {
        auto even = hn::Zero(tag), odd = hn::Zero(tag);
        hn::LoadInterleaved2(tag, words + i, even, odd);
        const V u = hn::MulAdd(to_float(hn::ShiftRight<1>(even)), all(0x1p-31f), all(0x1p-32f));
        const V radius = hn::Sqrt(all(-2) * simd::log(u));
        const V angle = to_float(odd) * all(0x1p-31f * 3.14159265f);
        const V cosine = hn::Cos(simd::D(), angle), sine = hn::Sin(simd::D(), angle);
        hn::StoreInterleaved2(radius * cosine, radius * sine, simd::D(), normals + i);
    }
}

void normals(const Key& key, const Counter& counter, std::span<float> out) {
    for_each_piece(key, counter, out.size(),
                   [&](std::size_t begin, std::size_t count, const std::uint32_t* words) HWY_ATTR {
                       HWY_ALIGN float made[piece];
                       make_normals(words, count, made);
                       std::memcpy(out.data() + begin, made, count * sizeof(float));
                   });
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(uniforms);
HWY_EXPORT(bernoullis);
HWY_EXPORT(normals);

constexpr std::uint64_t samples_end = std::uint64_t{1} << 40;
constexpr std::uint32_t epochs_end = std::uint32_t{1} << 24;
constexpr std::uint64_t dimensions_end = std::uint64_t{1} << 34;

std::array<std::uint32_t, 2> key_of(const Stream& stream) {
    return {stream.seed, static_cast<std::uint32_t>(stream.purpose)};
}

/// The counter of a sample's first dimension.
std::array<std::uint32_t, 4> counter_of(const Stream& stream, std::uint64_t sample, std::uint32_t draw,
                                        std::uint64_t dimensions) {
    if (sample >= samples_end) fail("random numbers of sample {}: samples are numbered below 2^40", sample);
    if (stream.epoch >= epochs_end) fail("random numbers of epoch {}: epochs are numbered below 2^24", stream.epoch);
    if (dimensions > dimensions_end) fail("{} random numbers of a sample: there are 2^34", dimensions);
    return {0, draw, static_cast<std::uint32_t>(sample), stream.epoch << 8 | static_cast<std::uint32_t>(sample >> 32)};
}

} // namespace

std::array<std::uint32_t, 4> random_words(const Stream& stream, std::uint64_t sample, std::uint32_t draw,
                                          std::uint32_t block) {
    const auto key = key_of(stream);
    const auto counter = counter_of(stream, sample, draw, 0);
    const r123::Philox4x32::ctr_type words =
        r123::Philox4x32()({{block, counter[1], counter[2], counter[3]}}, {{key[0], key[1]}});
    return {words[0], words[1], words[2], words[3]};
}

double uniform(const Stream& stream, std::uint64_t sample, std::uint32_t draw) {
    const auto words = random_words(stream, sample, draw, 0);
    const std::uint64_t bits = std::uint64_t{words[0]} << 32 | words[1];
    return static_cast<double>(bits >> 11) * 0x1p-53;
}

void fill_uniform(const Stream& stream, std::uint64_t sample, std::uint32_t draw, std::span<float> out) {
    HWY_DYNAMIC_DISPATCH(uniforms)(key_of(stream), counter_of(stream, sample, draw, out.size()), out);
}

void fill_normal(const Stream& stream, std::uint64_t sample, std::uint32_t draw, std::span<float> out) {
    HWY_DYNAMIC_DISPATCH(normals)(key_of(stream), counter_of(stream, sample, draw, out.size()), out);
}

void binarize(const Stream& stream, std::uint64_t sample, std::span<float> x, std::uint32_t draw) {
    HWY_DYNAMIC_DISPATCH(bernoullis)(key_of(stream), counter_of(stream, sample, draw, x.size()), x);
}

void fill_normal_rows(const Stream& stream, std::span<const std::uint64_t> samples, std::uint32_t draw,
                      Matrix<float> out) {
    if (samples.size() != out.rows()) fail("normals of {} samples do not fit {} rows", samples.size(), out.rows());
    for (std::size_t i = 0; i < samples.size(); ++i) fill_normal(stream, samples[i], draw, out.row(i));
}

} // namespace elbo
#endif
