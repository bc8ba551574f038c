#include "classical/cholesky.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::classical {

bool cholesky(Matrix<const double> matrix, Matrix<double> lower) {
    const std::size_t n = matrix.rows();
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double rest = matrix(i, j);
            for (std::size_t k = 0; k < j; ++k) rest -= lower(i, k) * lower(j, k);
            if (j < i) {
                lower(i, j) = rest / lower(j, j);
            } else {
                if (!(rest > 0) || !std::isfinite(rest)) return false;
                lower(i, i) = std::sqrt(rest);
            }
        }
        std::fill(lower.row(i).begin() + static_cast<std::ptrdiff_t>(i) + 1, lower.row(i).end(), 0.0);
    }
    return true;
}

void invert_lower(Matrix<const double> lower, Matrix<double> inverse) {
    const std::size_t n = lower.rows();
    for (std::size_t i = 0; i < n; ++i) {
        std::ranges::fill(inverse.row(i), 0.0);
        inverse(i, i) = 1 / lower(i, i);
        for (std::size_t k = 0; k < i; ++k)
            for (std::size_t j = 0; j <= k; ++j) inverse(i, j) -= lower(i, k) * inverse(k, j) * inverse(i, i);
    }
}

} // namespace elbo::classical
