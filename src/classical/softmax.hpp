// What classifiers by softmax share: features in units of their deviation, and the gradient by scores.
#pragma once

#include "comm/communicator.hpp"
#include "numerics/view.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace elbo::classical {

/// Mean and standard deviation of each feature.
struct Scaling {
    std::vector<double> mean, deviation;
};

/// In two passes that ranks divide; the same bits on any number of them. Collective.
Scaling scaling_of(const comm::Communicator& world, Matrix<const float> x);

/// Scores [rows, classes] become the gradients by them of -log softmax(scores)[class]; returns the sum of these.
double to_gradient(Matrix<float> scores, std::span<const std::uint32_t> classes);

} // namespace elbo::classical
