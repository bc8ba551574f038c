// Products of few rows: tiles of dot products whose sums stay in registers.
#include "numerics/row_product.hpp"

#include "base/error.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/row_product.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;
using simd::V;

/// Columns of a tile; and rows, as many as there are registers for: of 32, or of 16.
constexpr std::size_t tile_columns = 4, tile_rows = HWY_TARGET <= HWY_AVX3 ? 6 : 2;

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void store_sums(V s0, V s1, V s2, V s3, float* out) {
    const float sums[] = {hn::GetLane(s0), hn::GetLane(s1), hn::GetLane(s2), hn::GetLane(s3)};
    std::copy_n(sums, tile_columns, out);
}
#else
/// The sum of a vector's blocks of 128 bits.
template <class Tag>
HWY_INLINE auto sum_of_blocks(Tag tag, hn::Vec<Tag> v) {
    if constexpr (hn::MaxLanes(tag) <= 4) {
        return v;
    } else {
        const hn::Half<Tag> half;
        return sum_of_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
    }
}

/// out[i] = the sum of the lanes of si: transposing within blocks adds four vectors up at once.
HWY_INLINE void store_sums(V s0, V s1, V s2, V s3, float* out) {
    const simd::D d;
    const hn::Repartition<double, simd::D> pairs;
    const V s01 = hn::InterleaveLower(d, s0, s1) + hn::InterleaveUpper(d, s0, s1);
    const V s23 = hn::InterleaveLower(d, s2, s3) + hn::InterleaveUpper(d, s2, s3);
    const auto p01 = hn::BitCast(pairs, s01), p23 = hn::BitCast(pairs, s23);
    const V lower = hn::BitCast(d, hn::InterleaveLower(pairs, p01, p23));
    const V upper = hn::BitCast(d, hn::InterleaveUpper(pairs, p01, p23));
    const auto sums = sum_of_blocks(d, lower + upper);
    hn::StoreU(sums, hn::FixedTag<float, 4>(), out);
}
#endif

/// sums[i, j] = a's row i times b's row j, for rows of a and four of b.
template <std::size_t rows>
HWY_INLINE void tile(const float* a, std::size_t a_stride, const float* const* b, std::size_t k, float* sums) {
    V sum[rows][tile_columns];
    for (auto& row : sum)
        for (V& s : row) s = simd::all(0);
    simd::for_each_vector(k, [&](auto at) HWY_ATTR {
        const V b0 = at.load(b[0]), b1 = at.load(b[1]), b2 = at.load(b[2]), b3 = at.load(b[3]);
        for (std::size_t i = 0; i < rows; ++i) {
            const V x = at.load(a + i * a_stride);
            sum[i][0] = hn::MulAdd(x, b0, sum[i][0]);
            sum[i][1] = hn::MulAdd(x, b1, sum[i][1]);
            sum[i][2] = hn::MulAdd(x, b2, sum[i][2]);
            sum[i][3] = hn::MulAdd(x, b3, sum[i][3]);
        }
    });
    for (std::size_t i = 0; i < rows; ++i)
        store_sums(sum[i][0], sum[i][1], sum[i][2], sum[i][3], sums + i * tile_columns);
}

/// tile() for any number of rows up to tile_rows.
template <std::size_t rows = tile_rows>
HWY_INLINE void tile_of(std::size_t count, const float* a, std::size_t a_stride, const float* const* b, std::size_t k,
                        float* sums) {
    if constexpr (rows > 1) {
        if (count < rows) return tile_of<rows - 1>(count, a, a_stride, b, k, sums);
    }
    tile<rows>(a, a_stride, b, k, sums);
}

void rows_product(Matrix<const float> a, Matrix<const float> b, Matrix<float> c, const float* bias) {
    const std::size_t m = a.rows(), n = b.rows(), groups = (m + tile_rows - 1) / tile_rows;
    for (std::size_t j = 0; j < n; j += tile_columns) {
        const std::size_t columns = std::min(tile_columns, n - j);
        const float* b_rows[tile_columns];
        for (std::size_t i = 0; i < tile_columns; ++i) b_rows[i] = b.row(j + std::min(i, columns - 1)).data();
        for (std::size_t group = 0; group < groups; ++group) {
            const std::size_t begin = m * group / groups, end = m * (group + 1) / groups;
            float sums[tile_rows * tile_columns];
            tile_of(end - begin, a.row(begin).data(), a.stride(), b_rows, a.columns(), sums);
            for (std::size_t i = begin; i < end; ++i)
                for (std::size_t column = 0; column < columns; ++column)
                    c.row(i)[j + column] = sums[(i - begin) * tile_columns + column] + (bias ? bias[j + column] : 0);
        }
    }
}

bool has_long_vectors() { return HWY_TARGET <= HWY_AVX3; }

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {
HWY_EXPORT(rows_product);
HWY_EXPORT(has_long_vectors);
} // namespace

std::size_t few_rows(std::size_t k) {
    if (k < 128 || !HWY_DYNAMIC_DISPATCH(has_long_vectors)()) return 0;
    return k < 320 ? 12 : 48;
}

void product_of_rows(Matrix<const float> a, Matrix<const float> b, Matrix<float> c, std::span<const float> bias) {
    if (a.columns() != b.columns() || c.rows() != a.rows() || c.columns() != b.rows() ||
        (!bias.empty() && bias.size() != b.rows()))
        fail("a product of {} x {} with {} x {} transposed does not give {} x {}", a.rows(), a.columns(), b.rows(),
             b.columns(), c.rows(), c.columns());
    HWY_DYNAMIC_DISPATCH(rows_product)(a, b, c, bias.empty() ? nullptr : bias.data());
}

} // namespace elbo
#endif
