// What undoes data.transform and data.scale: from values as the model has them to values as its data holds them.
#pragma once

#include "config/config.hpp"
#include "data/statistics.hpp"
#include "data/transform_steps.hpp"

#include <optional>
#include <span>
#include <vector>

namespace elbo::data {

class InverseTransform {
public:
    /// Of samples that the model sees in this shape. figures: those that a step standardises by. scale: what stored
    /// values were multiplied by before all steps. What is clipped, cropped or mirrored stays so. Throws InputError
    /// naming a step that cannot be undone.
    InverseTransform(std::span<const config::Settings> steps, const Shape& seen, const std::optional<Moments>& figures,
                     double scale);

    /// A sample's values, in place.
    void apply(std::span<float> values) const;

private:
    std::vector<TransformStep> steps_; ///< in the order in which they are undone
    float scale_;
};

} // namespace elbo::data
