// The Cholesky factor of small symmetric matrices, and what densities need of it.
#pragma once

#include "numerics/view.hpp"

namespace elbo::classical {

/// lower: the lower triangular L with L L^T = matrix, zeros above its diagonal; may be the matrix's own memory. Only
/// the matrix's lower triangle is read. False where it is not positive definite (or not finite); lower is undefined
/// then.
bool cholesky(Matrix<const double> matrix, Matrix<double> lower);

/// inverse: that of a lower triangular matrix with a positive diagonal, itself lower triangular; not in place.
void invert_lower(Matrix<const double> lower, Matrix<double> inverse);

} // namespace elbo::classical
