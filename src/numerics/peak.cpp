#include "numerics/peak.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/peak.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `rounds` times twelve multiply-adds that do not wait for each other: more than latency times units on any CPU.
/// Returns their sum, so that they are made. x -> a x + b stays near b / (1 - a).
float multiply_add(std::size_t rounds, float a, float b) {
    const hn::ScalableTag<float> tag;
    using V = hn::Vec<decltype(tag)>;
    const V factor = hn::Set(tag, a), term = hn::Set(tag, b);
    // They begin apart: a compiler makes equal ones once.
    const auto at = [&](float start) HWY_ATTR { return hn::Set(tag, start * b); };
    V s0 = at(0), s1 = at(1), s2 = at(2), s3 = at(3), s4 = at(4), s5 = at(5);
    V s6 = at(6), s7 = at(7), s8 = at(8), s9 = at(9), s10 = at(10), s11 = at(11);
    for (std::size_t i = 0; i < rounds; ++i) {
        s0 = hn::MulAdd(s0, factor, term);
        s1 = hn::MulAdd(s1, factor, term);
        s2 = hn::MulAdd(s2, factor, term);
        s3 = hn::MulAdd(s3, factor, term);
        s4 = hn::MulAdd(s4, factor, term);
        s5 = hn::MulAdd(s5, factor, term);
        s6 = hn::MulAdd(s6, factor, term);
        s7 = hn::MulAdd(s7, factor, term);
        s8 = hn::MulAdd(s8, factor, term);
        s9 = hn::MulAdd(s9, factor, term);
        s10 = hn::MulAdd(s10, factor, term);
        s11 = hn::MulAdd(s11, factor, term);
    }
    const V low = hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(s4, s5));
    const V high = hn::Add(hn::Add(hn::Add(s6, s7), hn::Add(s8, s9)), hn::Add(s10, s11));
    return hn::GetLane(hn::Add(low, high));
}

std::size_t floats_a_vector() { return hn::Lanes(hn::ScalableTag<float>()); }

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(multiply_add);
HWY_EXPORT(floats_a_vector);

constexpr std::size_t accumulators = 12, rounds = 100'000;
constexpr double seconds = 0.1; ///< of a great many rounds, whose best counts: others share the machine

template <class Loop>
double best_rate(double operations, const Loop& loop) {
    using Clock = std::chrono::steady_clock;
    double best = 0;
    const Clock::time_point begin = Clock::now();
    while (std::chrono::duration<double>(Clock::now() - begin).count() < seconds) {
        const Clock::time_point start = Clock::now();
        volatile float result = loop();
        static_cast<void>(result);
        best = std::max(best, operations / std::chrono::duration<double>(Clock::now() - start).count());
    }
    return best;
}

double fp32_rate() {
    volatile float a = 0.5F, b = 1.0F;
    const std::size_t width = HWY_DYNAMIC_DISPATCH(floats_a_vector)();
    return best_rate(static_cast<double>(2 * accumulators * rounds * width),
                     [&] { return HWY_DYNAMIC_DISPATCH(multiply_add)(rounds, a, b); });
}

#if defined(__x86_64__)
/// The same with dot products of bf16 pairs; Highway's own are other instructions on this CPU.
__attribute__((target("avx512f,avx512bf16"))) float multiply_add_bf16(std::size_t count, float first) {
    const __m512 zero = _mm512_setzero_ps(), start = _mm512_set1_ps(first);
    const __m512bh pairs = _mm512_cvtne2ps_pbh(zero, zero);
    __m512 s0 = zero, s1 = _mm512_add_ps(s0, start), s2 = _mm512_add_ps(s1, start), s3 = _mm512_add_ps(s2, start);
    __m512 s4 = _mm512_add_ps(s3, start), s5 = _mm512_add_ps(s4, start), s6 = _mm512_add_ps(s5, start);
    __m512 s7 = _mm512_add_ps(s6, start), s8 = _mm512_add_ps(s7, start), s9 = _mm512_add_ps(s8, start);
    __m512 s10 = _mm512_add_ps(s9, start), s11 = _mm512_add_ps(s10, start);
    for (std::size_t i = 0; i < count; ++i) {
        s0 = _mm512_dpbf16_ps(s0, pairs, pairs);
        s1 = _mm512_dpbf16_ps(s1, pairs, pairs);
        s2 = _mm512_dpbf16_ps(s2, pairs, pairs);
        s3 = _mm512_dpbf16_ps(s3, pairs, pairs);
        s4 = _mm512_dpbf16_ps(s4, pairs, pairs);
        s5 = _mm512_dpbf16_ps(s5, pairs, pairs);
        s6 = _mm512_dpbf16_ps(s6, pairs, pairs);
        s7 = _mm512_dpbf16_ps(s7, pairs, pairs);
        s8 = _mm512_dpbf16_ps(s8, pairs, pairs);
        s9 = _mm512_dpbf16_ps(s9, pairs, pairs);
        s10 = _mm512_dpbf16_ps(s10, pairs, pairs);
        s11 = _mm512_dpbf16_ps(s11, pairs, pairs);
    }
    const __m512 low =
        _mm512_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)), _mm512_add_ps(s4, s5));
    const __m512 high =
        _mm512_add_ps(_mm512_add_ps(_mm512_add_ps(s6, s7), _mm512_add_ps(s8, s9)), _mm512_add_ps(s10, s11));
    return _mm512_cvtss_f32(_mm512_add_ps(low, high));
}
bool has_bf16() { return __builtin_cpu_supports("avx512bf16") != 0; }
double bf16_rate() {
    constexpr std::size_t pairs = 16;
    volatile float first = 1.0F;
    return best_rate(static_cast<double>(4 * accumulators * rounds * pairs),
                     [&] { return multiply_add_bf16(rounds, first); });
}
#else
bool has_bf16() { return false; }
double bf16_rate() { return 0; }
#endif

double on_threads(int threads, double (*rate)()) {
    std::vector<double> rates(static_cast<std::size_t>(std::max(1, threads)));
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < rates.size(); ++i) others.emplace_back([&rates, rate, i] { rates[i] = rate(); });
    rates[0] = rate();
    for (std::thread& other : others) other.join();
    return std::accumulate(rates.begin(), rates.end(), 0.0);
}

} // namespace

double measured_peak(int threads) { return on_threads(threads, fp32_rate); }

std::optional<double> measured_peak_bf16(int threads) {
    if (!has_bf16()) return std::nullopt;
    return on_threads(threads, bf16_rate);
}

} // namespace elbo
#endif
