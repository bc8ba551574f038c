// What the numbers that a model sees are of those that its data holds.
#pragma once

#include "data/inverse_transform.hpp"
#include "training/trained.hpp"

#include <optional>
#include <string>
#include <utility>

namespace elbo::training {

struct SeenValues {
    std::string text; ///< "as the model sees them: those of data/mnist.h5:/train/x times 0.00392157"
    /// Between which they lie by likelihood and type, where that is known without going through the data.
    std::optional<std::pair<float, float>> range;
};

/// Looks at the header of the run's training data, where that is still there.
SeenValues seen_values(const Trained& trained);

/// What takes them back to those that the data holds. Throws InputError where that cannot be done, or is not known
/// since the run's training data is not there.
data::InverseTransform to_stored_values(const Trained& trained);

} // namespace elbo::training
