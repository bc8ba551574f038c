// The Frechet distance between two Gaussians (Dowson & Landau 1982), as Heusel et al. (2017) have it between features.
#pragma once

#include "classical/pca.hpp"

namespace elbo::classical {

/// |mean - mean'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2): the squared distance.
double frechet_distance(const Covariance& a, const Covariance& b);

} // namespace elbo::classical
