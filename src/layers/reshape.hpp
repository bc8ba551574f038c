// Layers that change the shape of a sample and nothing else: flatten, and reshape to a shape of the same size.
#pragma once

#include "layers/layer.hpp"

namespace elbo::layers {

/// The rows of the table of layers.
const LayerKind& flatten_kind();
const LayerKind& reshape_kind();

} // namespace elbo::layers
