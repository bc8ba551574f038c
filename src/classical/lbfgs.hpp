// Minimises a smooth function: L-BFGS (Nocedal 1980, "Updating quasi-Newton matrices with limited storage"), with a
// line search that bisects until the weak Wolfe conditions hold (Lewis & Overton 2013).
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace elbo::classical {

/// The function's value at x; overwrites its gradient there.
using Smooth = std::function<double(std::span<const double> x, std::span<double> gradient)>;

/// When enough is enough: no element of the gradient is larger, or so many iterations.
struct Stop {
    double gradient = 1e-4;
    std::size_t iterations = 1000;
    std::function<void(std::size_t iterations, double value)> each{}; ///< told after each iteration
};

struct Minimum {
    double value = 0;
    std::size_t iterations = 0;
    bool converged = false; ///< the gradient became as small as asked for
};

/// Starts at x and leaves the best point there. Ends early where no step makes the function smaller, which is where
/// rounding does not let it.
Minimum minimise(const Smooth& function, std::span<double> x, const Stop& stop);

} // namespace elbo::classical
