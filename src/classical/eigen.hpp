// Leading eigenvectors of a symmetric matrix, by orthogonal iteration with Rayleigh-Ritz steps (Golub & Van Loan,
// "Matrix computations", section 8.2.4).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::classical {

struct EigenPairs {
    std::vector<double> values;  ///< descending
    std::vector<double> vectors; ///< [values, size], orthonormal; the largest element of each is positive
};

/// The `count` greatest eigenvalues of a positive semidefinite matrix [size, size] and their vectors, to residuals
/// |A v - value v| of 1e-9 times the greatest eigenvalue, or as they stand after 300 iterations: where eigenvalues next
/// to the last wanted are nearly equal to it, their vectors are as good as its own.
EigenPairs leading_eigenpairs(std::span<const double> matrix, std::size_t size, std::size_t count);

} // namespace elbo::classical
