// Conversion between the precisions of matrices.
#include "numerics/any_matrix.hpp"

#include "base/error.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/any_matrix.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;

template <class From, class To>
void copy_rows(Matrix<const From> from, Matrix<To> to) {
    for (std::size_t i = 0; i < from.rows(); ++i) {
        const From* in = from.row(i).data();
        To* out = to.row(i).data();
        simd::for_each_vector(from.columns(), [&](auto at) HWY_ATTR { at.store(at.load(in), out); });
    }
}

void convert(ConstAnyMatrix from, AnyMatrix to) {
    from.visit([&](auto source) { to.visit([&](auto target) { copy_rows(source, target); }); });
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {
HWY_EXPORT(convert);
} // namespace

void copy(ConstAnyMatrix from, AnyMatrix to) {
    if (from.rows() != to.rows() || from.columns() != to.columns())
        fail("a matrix of {} x {} cannot be copied into one of {} x {}", from.rows(), from.columns(), to.rows(),
             to.columns());
    HWY_DYNAMIC_DISPATCH(convert)(from, to);
}

} // namespace elbo
#endif
