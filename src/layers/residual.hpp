// A block of layers with a skip around it: f(input + block(input)) (He et al. 2016).
#pragma once

#include "layers/layer.hpp"

namespace elbo::layers {

/// The row of the table of layers.
const LayerKind& residual_kind();

} // namespace elbo::layers
