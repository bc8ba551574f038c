#include "numerics/panels.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/panels.cpp"
#include <hwy/foreach_target.h>

#include "numerics/tiles.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {

std::size_t width_of_panel(std::size_t columns_left) { return panel_width(columns_left); }

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(width_of_panel);

std::size_t width_of_panels(std::size_t columns) {
    std::size_t width = 0;
    while (width < columns) width += HWY_DYNAMIC_DISPATCH(width_of_panel)(columns - width);
    return width;
}

} // namespace

template <class T>
Panels<T>::Panels(std::size_t rows, std::size_t columns)
    : rows_(rows), columns_(columns), memory_(rows * width_of_panels(columns)) {}

/// call(row, column, place of its value) for all, in the order of the values.
template <class T>
template <class Call>
void Panels<T>::for_each(const Call& call) const {
    for (std::size_t first = 0, at = 0; first < columns_;) {
        const std::size_t width = HWY_DYNAMIC_DISPATCH(width_of_panel)(columns_ - first);
        for (std::size_t row = 0; row < rows_; ++row, at += width)
            for (std::size_t column = first; column < std::min(first + width, columns_); ++column)
                call(row, column, at + column - first);
        first += width;
    }
}

template <class T>
template <class From>
void Panels<T>::gather(const From* from, std::span<const std::size_t> first, std::size_t step) {
    for_each([&, to = values().data()](std::size_t row, std::size_t column, std::size_t at) {
        if constexpr (of_pairs)
            to[at] = {from[first[2 * row] + column * step], from[first[2 * row + 1] + column * step]};
        else
            to[at] = to_float(from[first[row] + column * step]);
    });
}

template <class T>
void Panels<T>::scatter(float* to, std::span<const std::size_t> first, std::size_t step) const {
    for_each([&, from = values().data()](std::size_t row, std::size_t column, std::size_t at) {
        to[first[row] + column * step] = from[at];
    });
}

template Panels<float>::Panels(std::size_t, std::size_t);
template Panels<BFloat16Pair>::Panels(std::size_t, std::size_t);
template void Panels<float>::gather(const float*, std::span<const std::size_t>, std::size_t);
template void Panels<float>::gather(const BFloat16*, std::span<const std::size_t>, std::size_t);
template void Panels<BFloat16Pair>::gather(const BFloat16*, std::span<const std::size_t>, std::size_t);
template void Panels<float>::scatter(float*, std::span<const std::size_t>, std::size_t) const;

} // namespace elbo
#endif
