// Tiles of a product: a few rows by a few vectors of a panel's columns, whose sums stay in registers. Of one file with
// kernels, which is read once for each target: not #pragma once.
#include "numerics/simd.hpp"

#include <algorithm>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::V;

/// Vectors of a panel at most, and rows of a tile of so many: there are 32 registers, or 16. Each number of rows is a
/// function of its own.
constexpr std::size_t widest = HWY_TARGET <= HWY_AVX3 ? 3 : 2, most_rows = ELBO_CHECKS_ADDRESSES ? 4 : 14;
template <std::size_t vectors>
constexpr std::size_t tile_rows = std::min<std::size_t>(most_rows, (HWY_TARGET <= HWY_AVX3 ? 28 : 12) / vectors);

/// Floats in a row of the panel that begins where so many columns are left. A single vector makes too few sums for a
/// tile, so none is left if the one before can do with less.
inline std::size_t panel_width(std::size_t columns_left) {
    const std::size_t vectors = (columns_left + simd::lanes() - 1) / simd::lanes();
    return simd::lanes() * (widest > 2 && vectors == widest + 1 ? widest - 1 : std::min(vectors, widest));
}

/// The columns of a panel: vectors, the last of them cut where the matrix ends within it.
template <std::size_t vector_count, bool is_cut>
struct Columns {
    static constexpr std::size_t vectors = vector_count;
    std::size_t last; ///< of the last vector

    HWY_INLINE V load(const float* from, std::size_t vector) const {
        const std::size_t begin = vector * simd::lanes();
        if (is_cut && vector + 1 == vectors) return simd::Part{begin, last}.load(from);
        return simd::Whole{begin}.load(from);
    }
    /// A vector of floats or of BFloat16s.
    template <class Vector, class T>
    HWY_INLINE void store(Vector v, T* to, std::size_t vector) const {
        const std::size_t begin = vector * simd::lanes();
        if (is_cut && vector + 1 == vectors) return simd::Part{begin, last}.store(v, to);
        simd::Whole{begin}.store(v, to);
    }
};

/// call(columns) of a panel of so many of them.
template <std::size_t vectors = 1, class Call>
HWY_INLINE void with_columns(std::size_t columns, const Call& call) {
    const std::size_t last = columns - (vectors - 1) * simd::lanes();
    if constexpr (vectors < widest) {
        if (last > simd::lanes()) return with_columns<vectors + 1>(columns, call);
    }
    if (last == simd::lanes()) return call(Columns<vectors, false>{last});
    call(Columns<vectors, true>{last});
}

/// call(first column, first value, columns of the panel) for each panel of so many rows and columns.
template <class Call>
HWY_INLINE void for_each_panel(std::size_t rows, std::size_t columns, const Call& call) {
    for (std::size_t first = 0; first < columns;) {
        const std::size_t width = panel_width(columns - first);
        with_columns(std::min(width, columns - first), [&](auto panel) HWY_ATTR { call(first, first * rows, panel); });
        first += width;
    }
}

/// call(std::integral_constant(count)) for a count of 1 to the most.
template <std::size_t most, class Call>
HWY_INLINE void with_rows(std::size_t count, const Call& call) {
    if constexpr (most > 1) {
        if (count < most) return with_rows<most - 1>(count, call);
    }
    call(std::integral_constant<std::size_t, most>());
}

/// call(first, constant count) for tiles of almost equal size, of so many rows at most, that make up `count` rows.
template <std::size_t most, class Call>
HWY_INLINE void for_each_tile(std::size_t count, const Call& call) {
    if (count <= most) return with_rows<most>(count, [&](auto rows) HWY_ATTR { call(0, rows); });
    const std::size_t tiles = (count + most - 1) / most, size = count / tiles, longer = count % tiles;
    for (std::size_t tile = 0, begin = 0; tile < tiles; ++tile) {
        const std::size_t of_tile = size + (tile < longer ? 1 : 0);
        with_rows<most>(of_tile, [&](auto rows) HWY_ATTR { call(begin, rows); });
        begin += of_tile;
    }
}

/// v, which the compiler keeps in a register instead of loading it for each use: with two hardware threads on a core a
/// tile is limited by its number of instructions.
HWY_INLINE V in_register(V v) {
#if HWY_TARGET <= HWY_AVX3
    asm("" : "+v"(v.raw)); // NOLINT(hicpp-no-assembler): no instruction, an order to the compiler
#elif HWY_TARGET == HWY_AVX2
    asm("" : "+x"(v.raw)); // NOLINT(hicpp-no-assembler)
#endif
    return v;
}

/// x y + sum, in the register that held the sum: a compiler renames and spills them where they fill 32 registers.
HWY_INLINE V add_product(V x, V y, V sum) {
#if HWY_TARGET <= HWY_AVX3
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum.raw) : "v"(x.raw), "v"(y.raw)); // NOLINT(hicpp-no-assembler)
    return sum;
#else
    return hn::MulAdd(x, y, sum);
#endif
}

/// *x y + sum. AVX-512's multiply-add reads *x into every lane itself, without an instruction of its own.
HWY_INLINE V add_product(const float* x, V y, V sum) {
#if HWY_TARGET <= HWY_AVX3
    asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum.raw) : "v"(y.raw), "m"(*x)); // NOLINT(hicpp-no-assembler)
    return sum;
#else
    return hn::MulAdd(simd::all(*x), y, sum);
#endif
}

/// As of a vector, for a pointer.
template <class T>
HWY_INLINE const T* in_register(const T* pointer) {
#if HWY_ARCH_X86
    asm("" : "+r"(pointer)); // NOLINT(hicpp-no-assembler)
#endif
    return pointer;
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
