// The search for a number that is not finite. It runs once, when a training is about to stop: plain loops will do.
#include "layers/not_finite.hpp"

#include <cmath>

namespace elbo::layers {

std::optional<NotFinite> find_not_finite(const std::string& place, Matrix<const float> matrix) {
    for (std::size_t i = 0; i < matrix.rows(); ++i) {
        for (const float value : matrix.row(i)) {
            if (!std::isfinite(value)) return NotFinite{place, i, value};
        }
    }
    return std::nullopt;
}

std::string describe_value(const NotFinite& found) {
    if (std::isnan(found.value)) return "nan";
    return found.value < 0 ? "-inf" : "inf";
}

} // namespace elbo::layers
