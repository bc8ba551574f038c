#include "classical/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numeric>
#include <vector>

namespace elbo::classical {
namespace {

using Vector = std::vector<double>;

constexpr std::size_t memory = 10; ///< steps that the curvature is known from
constexpr double decrease = 1e-4, slope_kept = 0.9;
constexpr double value_rounding = 1e-6; ///< relative, of values whose sums are of products in float
constexpr int most_trials = 40;

double dot(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double largest(std::span<const double> values) {
    double most = 0;
    for (const double value : values) most = std::max(most, std::abs(value));
    return most;
}

/// to += factor * from
void add(double factor, std::span<const double> from, std::span<double> to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}

struct Pair {
    Vector step, change; ///< of x, and of the gradient
    double curvature = 0;
};

/// Where to go: minus the inverse Hessian as the pairs know it, times the gradient (the two loops).
Vector direction_of(const std::deque<Pair>& pairs, std::span<const double> gradient) {
    Vector direction(gradient.begin(), gradient.end());
    std::vector<double> factors(pairs.size());
    for (std::size_t i = pairs.size(); i-- > 0;) {
        factors[i] = dot(pairs[i].step, direction) / pairs[i].curvature;
        add(-factors[i], pairs[i].change, direction);
    }
    const double scale = pairs.empty() ? 1 / std::max(std::sqrt(dot(gradient, gradient)), 1e-300)
                                       : pairs.back().curvature / dot(pairs.back().change, pairs.back().change);
    for (double& value : direction) value *= -scale;
    for (std::size_t i = 0; i < pairs.size(); ++i)
        add(-factors[i] - dot(pairs[i].change, direction) / pairs[i].curvature, pairs[i].step, direction);
    return direction;
}

class Search {
public:
    Search(const Smooth& function, std::span<double> x) : function_(function), x_(x), gradient_(x.size()) {
        value_ = function_(x_, gradient_);
    }

    double value() const { return value_; }
    const Vector& gradient() const { return gradient_; }

    /// Goes on along a direction; nothing where no length of step will do. Returns how x and the gradient changed.
    Pair step(const Vector& direction) {
        const double slope = dot(direction, gradient_);
        Vector x(x_.size()), gradient(x_.size());
        double length = 1, low = 0, high = std::numeric_limits<double>::infinity();
        for (int trial = 0; trial < most_trials && slope < 0; ++trial) {
            for (std::size_t i = 0; i < x.size(); ++i) x[i] = x_[i] + length * direction[i];
            const double value = function_(x, gradient), slope_there = dot(direction, gradient);
            if (!decreases(value, length, slope, slope_there))
                high = length;
            else if (slope_there < slope_kept * slope)
                low = length;
            else
                return accept(x, gradient, value);
            length = std::isinf(high) ? 2 * low : (low + high) / 2;
        }
        return {};
    }

private:
    /// Armijo's condition; or, where rounding hides the decrease, what it comes to for a parabola, by slopes alone
    /// (Hager & Zhang 2005, "A new conjugate gradient method with guaranteed descent and an efficient line search", eq.
    /// 4).
    bool decreases(double value, double length, double slope, double slope_there) const {
        if (value <= value_ + decrease * length * slope) return true;
        return value <= value_ + value_rounding * std::abs(value_) && slope_there <= (2 * decrease - 1) * slope;
    }

    Pair accept(Vector& x, Vector& gradient, double value) {
        Pair pair{x, gradient, 0};
        add(-1, x_, pair.step);
        add(-1, gradient_, pair.change);
        pair.curvature = dot(pair.step, pair.change);
        std::ranges::copy(x, x_.begin());
        gradient_ = std::move(gradient);
        value_ = value;
        return pair;
    }

    const Smooth& function_;
    std::span<double> x_;
    Vector gradient_;
    double value_ = 0;
};

} // namespace

Minimum minimise(const Smooth& function, std::span<double> x, const Stop& stop) {
    Search search(function, x);
    std::deque<Pair> pairs;
    std::size_t done = 0;
    while (largest(search.gradient()) > stop.gradient && done < stop.iterations) {
        Pair pair = search.step(direction_of(pairs, search.gradient()));
        if (pair.step.empty()) {
            // What was learnt of the curvature may mislead; without it, the steepest way is left to try.
            if (pairs.empty()) break;
            pairs.clear();
            continue;
        }
        ++done;
        if (stop.each) stop.each(done, search.value());
        if (pair.curvature > 0) pairs.push_back(std::move(pair));
        if (pairs.size() > memory) pairs.pop_front();
    }
    return {search.value(), done, largest(search.gradient()) <= stop.gradient};
}

} // namespace elbo::classical
