// Images enlarged by a whole factor, every pixel repeated (nearest neighbour).
#pragma once

#include "layers/layer.hpp"

namespace elbo::layers {

/// The row of the table of layers.
const LayerKind& upsample_kind();

} // namespace elbo::layers
