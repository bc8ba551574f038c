// Conversion between the precisions of matrices, and their sum.
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

template <class A, class B, class Out>
void add_rows(Matrix<const A> a, Matrix<const B> b, Matrix<Out> out) {
    for (std::size_t i = 0; i < a.rows(); ++i) {
        const A* left = a.row(i).data();
        const B* right = b.row(i).data();
        Out* to = out.row(i).data();
        simd::for_each_vector(a.columns(), [&](auto at) HWY_ATTR { at.store(at.load(left) + at.load(right), to); });
    }
}

void sum(ConstAnyMatrix a, ConstAnyMatrix b, AnyMatrix out) {
    a.visit([&](auto left) {
        b.visit([&](auto right) { out.visit([&](auto target) { add_rows(left, right, target); }); });
    });
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {
HWY_EXPORT(convert);
HWY_EXPORT(sum);

void require_same_shape(ConstAnyMatrix from, ConstAnyMatrix to) {
    if (from.rows() != to.rows() || from.columns() != to.columns())
        fail("a matrix of {} x {} does not fit one of {} x {}", from.rows(), from.columns(), to.rows(), to.columns());
}

} // namespace

void copy(ConstAnyMatrix from, AnyMatrix to) {
    require_same_shape(from, to);
    HWY_DYNAMIC_DISPATCH(convert)(from, to);
}

void add(ConstAnyMatrix a, ConstAnyMatrix b, AnyMatrix out) {
    require_same_shape(a, out);
    require_same_shape(b, out);
    HWY_DYNAMIC_DISPATCH(sum)(a, b, out);
}

} // namespace elbo
#endif
