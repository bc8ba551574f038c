// Canonical sums: the tree over terms, and the vector kernels that make the terms.
#include "numerics/sums.hpp"

#include "base/error.hpp"

#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/sums.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;

double squares(std::span<const float> block) {
    simd::DoubleSum sum;
    simd::for_each_vector(block.size(), [&](auto at) HWY_ATTR { sum.add_squares(at, at.load(block.data())); });
    return sum.total();
}

void columns(Matrix<const float> m, std::span<float> out) {
    simd::for_each_vector(out.size(), [&](auto at) HWY_ATTR {
        simd::DoubleSum sum;
        const float* row = m.data();
        for (std::size_t i = 0; i < m.rows(); ++i, row += m.stride()) sum.add(at, at.load(row));
        at.store(sum.of_each_lane(), out.data());
    });
}

void sums(std::span<const float> a, std::span<const float> b, std::span<float> out) {
    simd::for_each_vector(out.size(), [&](auto at) HWY_ATTR {
        at.store(simd::hn::Add(at.load(a.data()), at.load(b.data())), out.data());
    });
}

/// 0 x is 0 for a finite x, else not a number, which stays in a sum.
bool finite(std::span<const float> values) {
    simd::V zeros = simd::all(0);
    simd::for_each_vector(values.size(), [&](auto at) HWY_ATTR {
        zeros = simd::hn::MulAdd(at.load(values.data()), simd::all(0), zeros);
    });
    return simd::hn::AllTrue(simd::D(), simd::hn::Eq(zeros, simd::all(0)));
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {
HWY_EXPORT(squares);
HWY_EXPORT(columns);
HWY_EXPORT(finite);
HWY_EXPORT(sums);
} // namespace

double tree_sum(std::span<const double> terms) {
    if (terms.empty()) return 0;
    if (terms.size() == 1) return terms[0];
    const std::size_t split = std::bit_floor(terms.size() - 1);
    return tree_sum(terms.first(split)) + tree_sum(terms.subspan(split));
}

double sum_of_squares(std::span<const float> block) { return HWY_DYNAMIC_DISPATCH(squares)(block); }

void column_sums(Matrix<const float> m, std::span<float> out) {
    if (out.size() != m.columns()) fail("the sums of {} columns do not fit in {} values", m.columns(), out.size());
    HWY_DYNAMIC_DISPATCH(columns)(m, out);
}

void add(std::span<const float> a, std::span<const float> b, std::span<float> out) {
    if (a.size() != out.size() || b.size() != out.size())
        fail("a sum of {} and {} values does not fit in {}", a.size(), b.size(), out.size());
    HWY_DYNAMIC_DISPATCH(sums)(a, b, out);
}

std::int64_t hash_bits(std::span<const float> values, std::size_t seed) {
    // Multiply and fold (the finaliser of MurmurHash3, Appleby 2011), a value at a time.
    std::uint64_t hash = seed ^ 0x9e3779b97f4a7c15U;
    for (const float value : values) {
        hash = (hash ^ std::bit_cast<std::uint32_t>(value)) * 0xff51afd7ed558ccdU;
        hash ^= hash >> 33;
    }
    return static_cast<std::int64_t>(hash);
}

bool all_finite(std::span<const float> values) { return HWY_DYNAMIC_DISPATCH(finite)(values); }

} // namespace elbo
#endif
