// Products of windows of bf16 pairs, in AVX-512. An instruction of its own adds both products of each pair where the
// CPU has it; elsewhere two multiply-adds do, for tests.
#include "numerics/window_product.hpp"

#include "base/error.hpp"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/pair_product.cpp"
#include <hwy/foreach_target.h>

#include "numerics/window_tiles.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX3

/// Where sums are stored, one of the two: rounded, or as they are.
struct PairResult {
    BFloat16* rounded = nullptr;
    float* exact = nullptr;

    explicit PairResult(BFloat16* to) : rounded(to) {}
    explicit PairResult(float* to) : exact(to) {}
    PairResult operator+(std::size_t step) const {
        return rounded != nullptr ? PairResult(rounded + step) : PairResult(exact + step);
    }
};

/// Vectors of pairs are kept as floats of the same bits, which nothing but add() takes for numbers.
template <bool native>
struct PairProducts {
    using Element = BFloat16Pair;
    using Result = PairResult;

    static HWY_INLINE V all(const BFloat16Pair* x) {
        float of_bits;
        std::memcpy(&of_bits, x, sizeof of_bits);
        return simd::all(of_bits);
    }
    static HWY_INLINE V vector(const BFloat16Pair* x) { return simd::Whole{0}.load(bits(x)); }
    static HWY_INLINE const float* bits(const BFloat16Pair* x) { return reinterpret_cast<const float*>(x); }
    static HWY_INLINE V add(V x, V y, V sum) {
        if constexpr (native) {
            asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(x.raw), "v"(y.raw)); // NOLINT(hicpp-no-assembler)
            return sum;
        }
        return hn::MulAdd(first(x), first(y), hn::MulAdd(second(x), second(y), sum));
    }
    static HWY_INLINE V add(const BFloat16Pair* x, V y, V sum) { return add(all(x), y, sum); }
    template <class PanelColumns>
    static HWY_INLINE void store(PanelColumns columns, V sum, PairResult to, std::size_t vector) {
        if (to.rounded != nullptr)
            columns.store(round(sum), to.rounded, vector);
        else
            columns.store(sum, to.exact, vector);
    }

private:
    /// As simd::round_to_bfloat16(): the CPU's own instruction flushes subnormal numbers, which its sums never are.
    static HWY_INLINE simd::V16 round(V v) {
        if constexpr (native) {
            simd::V16 rounded;
            asm("vcvtneps2bf16 %1, %0" : "=v"(rounded.raw) : "v"(v.raw)); // NOLINT(hicpp-no-assembler)
            return rounded;
        }
        return simd::round_to_bfloat16(v);
    }
    using Integers = hn::RebindToUnsigned<simd::D>;
    static HWY_INLINE V first(V pairs) {
        return hn::BitCast(simd::D(), hn::ShiftLeft<16>(hn::BitCast(Integers(), pairs)));
    }
    static HWY_INLINE V second(V pairs) {
        return hn::BitCast(simd::D(), hn::And(hn::BitCast(Integers(), pairs), hn::Set(Integers(), 0xFFFF0000U)));
    }
};

/// Whole sums in registers, since one that is rounded cannot wait in the result: a panel may be larger than the
/// first-level cache.
template <bool native, class Out>
void multiply_all_pairs(const Windows<BFloat16Pair>& windows, const PanelValues<BFloat16Pair>& b, Places<Out> c) {
    for_lines(windows, b.rows * b.columns, c, [&](const Windows<BFloat16Pair>& a, Places<Out> of_result) HWY_ATTR {
        for_each_panel(b.rows, b.columns, [&](std::size_t first, std::size_t values, auto panel) HWY_ATTR {
            const std::size_t width = decltype(panel)::vectors * simd::lanes();
            multiply_panel<PairProducts<native>>(
                a, b.data + values + a.first_row * width, panel,
                Places<Out>{of_result.data + first, of_result.line_step, of_result.place_step, of_result.image_step},
                [](Out*) { return FirstTerms(); });
        });
    });
}

template <class Out>
HWY_INLINE void multiply_pairs_to(const Windows<BFloat16Pair>& windows, const PanelValues<BFloat16Pair>& b,
                                  Places<Out> c) {
    if (multiplies_pairs()) return multiply_all_pairs<true>(windows, b, c);
    multiply_all_pairs<false>(windows, b, c);
}

void add_transposed_pairs(const Windows<BFloat16Pair>& a, Places<const BFloat16Pair> b, float* sums, std::size_t rows,
                          std::size_t columns) {
    if (multiplies_pairs()) return add_transposed_of<PairProducts<true>>(a, b, sums, rows, columns);
    add_transposed_of<PairProducts<false>>(a, b, sums, rows, columns);
}

#else

constexpr auto no_kernel = "products of bf16 pairs are for CPUs with AVX-512";

template <class Out>
void multiply_pairs_to(const Windows<BFloat16Pair>&, const PanelValues<BFloat16Pair>&, Places<Out>) {
    fail("{}", no_kernel);
}

void add_transposed_pairs(const Windows<BFloat16Pair>&, Places<const BFloat16Pair>, float*, std::size_t, std::size_t) {
    fail("{}", no_kernel);
}

#endif

void multiply_pairs(const Windows<BFloat16Pair>& windows, const BFloat16Pair* b, std::size_t rows, std::size_t columns,
                    Places<float> c) {
    multiply_pairs_to<float>(windows, {b, rows, columns}, c);
}

void multiply_pairs_rounded(const Windows<BFloat16Pair>& windows, const BFloat16Pair* b, std::size_t rows,
                            std::size_t columns, Places<BFloat16> c) {
    multiply_pairs_to<BFloat16>(windows, {b, rows, columns}, c);
}

/// pairs(i) = (first(i), second(i))
void interleave(const BFloat16* first, const BFloat16* second, std::size_t count, BFloat16Pair* pairs) {
    const hn::RebindToUnsigned<simd::D> integers;
    const simd::D16 halves;
    const std::size_t step = simd::lanes();
    std::size_t i = 0;
    for (; i + step <= count; i += step) {
        const auto low = hn::PromoteTo(integers, hn::LoadU(halves, simd::bits_of(first + i)));
        const auto high = hn::PromoteTo(integers, hn::LoadU(halves, simd::bits_of(second + i)));
        hn::StoreU(hn::Or(low, hn::ShiftLeft<16>(high)), integers, reinterpret_cast<std::uint32_t*>(pairs + i));
    }
    for (; i < count; ++i) pairs[i] = {first[i], second[i]};
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(multiply_pairs);
HWY_EXPORT(multiply_pairs_rounded);
HWY_EXPORT(add_transposed_pairs);
HWY_EXPORT(interleave);

} // namespace

#if defined(__x86_64__)
bool multiplies_pairs() {
    static const bool can = __builtin_cpu_supports("avx512bf16") != 0;
    return can;
}
bool multiplies_pairs_fast() { return multiplies_pairs() && __builtin_cpu_is("amd") != 0; }
#else
bool multiplies_pairs() { return false; }
bool multiplies_pairs_fast() { return false; }
#endif

void interleave(const BFloat16* first, const BFloat16* second, std::span<BFloat16Pair> pairs) {
    HWY_DYNAMIC_DISPATCH(interleave)(first, second, pairs.size(), pairs.data());
}

void multiply(const Windows<BFloat16Pair>& a, const Panels<BFloat16Pair>& b, Places<float> c) {
    require_rows(a, b);
    Windows<BFloat16Pair> windows = a;
    lay_along_places(windows, c);
    HWY_DYNAMIC_DISPATCH(multiply_pairs)(windows, b.values().data(), b.rows(), b.columns(), c);
}

void multiply(const Windows<BFloat16Pair>& a, const Panels<BFloat16Pair>& b, Places<BFloat16> c) {
    require_rows(a, b);
    Windows<BFloat16Pair> windows = a;
    lay_along_places(windows, c);
    HWY_DYNAMIC_DISPATCH(multiply_pairs_rounded)(windows, b.values().data(), b.rows(), b.columns(), c);
}

void add_transposed_product(const Windows<BFloat16Pair>& a, Places<const BFloat16Pair> b, Panels<float>& sum) {
    require_rows(a, sum);
    if (a.images != 1) fail("windows of {} pairs of images where they are added one by one", a.images);
    HWY_DYNAMIC_DISPATCH(add_transposed_pairs)(a, b, sum.values().data(), sum.rows(), sum.columns());
}

} // namespace elbo
#endif
