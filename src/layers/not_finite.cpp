// The search for a number that is not finite. It runs once, when a training is about to stop: plain loops will do.
#include "layers/not_finite.hpp"

#include <cmath>

namespace elbo::layers {

std::optional<NotFinite> find_not_finite(const std::string& place, ConstAnyMatrix any) {
    return any.visit([&](auto matrix) -> std::optional<NotFinite> {
        for (std::size_t i = 0; i < matrix.rows(); ++i) {
            for (const auto element : matrix.row(i)) {
                const float value = to_float(element);
                if (!std::isfinite(value)) return NotFinite{place, i, value};
            }
        }
        return std::nullopt;
    });
}

std::string describe_value(const NotFinite& found) {
    if (std::isnan(found.value)) return "nan";
    return found.value < 0 ? "-inf" : "inf";
}

} // namespace elbo::layers
