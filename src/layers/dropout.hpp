// Dropout (Srivastava et al. 2014) with addressed noise: what is dropped of a sample in an epoch follows from the seed
// and the layer's name, whatever the batch and the rank.
#pragma once

#include "layers/layer.hpp"

namespace elbo::layers {

/// The row of the table of layers.
const LayerKind& dropout_kind();

} // namespace elbo::layers
