// Where a pass first met a number that is not finite: what an error needs to say, looked for only once one is known.
#pragma once

#include "numerics/any_matrix.hpp"

#include <optional>
#include <string>

namespace elbo::layers {

/// An infinite or NaN element of what `place` gave, and its row.
struct NotFinite {
    std::string place; ///< as in checkpoints: "encoder/dense2"
    std::size_t row = 0;
    float value = 0;
};

/// The first one, row by row.
std::optional<NotFinite> find_not_finite(const std::string& place, ConstAnyMatrix matrix);

/// "inf", "-inf" or "nan", whose sign means nothing.
std::string describe_value(const NotFinite& found);

} // namespace elbo::layers
