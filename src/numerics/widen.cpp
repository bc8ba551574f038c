// Bytes as floats, a vector of floats at a time.
#include "numerics/widen.hpp"

#include "base/error.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/widen.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;

void widen(std::span<const std::uint8_t> bytes, float scale, std::span<float> out) {
    const hn::RebindToSigned<simd::D> integers;
    const hn::Rebind<std::uint8_t, simd::D> narrow;
    const std::size_t step = simd::lanes();
    std::size_t i = 0;
    for (; i + step <= bytes.size(); i += step) {
        const auto wide = hn::PromoteTo(integers, hn::LoadU(narrow, &bytes[i]));
        hn::StoreU(hn::ConvertTo(simd::D(), wide) * simd::all(scale), simd::D(), &out[i]);
    }
    for (; i < bytes.size(); ++i) out[i] = static_cast<float>(bytes[i]) * scale;
}

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {
HWY_EXPORT(widen);
} // namespace

void widen(std::span<const std::uint8_t> bytes, float scale, std::span<float> out) {
    if (bytes.size() != out.size()) fail("{} bytes do not become {} floats", bytes.size(), out.size());
    HWY_DYNAMIC_DISPATCH(widen)(bytes, scale, out);
}

} // namespace elbo
#endif
