#include "classical/lasso.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::classical {
namespace {

constexpr std::size_t most_sweeps = 100000;
constexpr int penalties_a_decade = 10, decades = 3;

double shrunk(double value, double by) { return std::copysign(std::max(std::abs(value) - by, 0.0), value); }

/// From where it stands.
void descend(const Gram& gram, double penalty, std::span<double> weights) {
    const std::size_t width = gram.features();
    const double enough = 1e-10 * std::sqrt(gram.yy);
    for (std::size_t sweep = 0; sweep < most_sweeps; ++sweep) {
        double most = 0;
        for (std::size_t i = 0; i < width; ++i) {
            const double square = gram.xx[i * width + i];
            if (square <= 0) continue;
            double rest = gram.xy[i];
            for (std::size_t j = 0; j < width; ++j)
                if (j != i) rest -= gram.xx[i * width + j] * weights[j];
            const double weight = shrunk(rest, penalty) / square;
            most = std::max(most, std::abs(weight - weights[i]) * std::sqrt(square));
            weights[i] = weight;
        }
        if (most <= enough) return;
    }
}

} // namespace

double Gram::squared_error(std::span<const double> weights) const {
    double error = yy;
    for (std::size_t i = 0; i < features(); ++i) {
        error -= 2 * weights[i] * xy[i];
        for (std::size_t j = 0; j < features(); ++j) error += weights[i] * weights[j] * xx[i * features() + j];
    }
    return error;
}

std::vector<double> lasso(const Gram& gram, double penalty) {
    std::vector<double> weights(gram.features());
    descend(gram, penalty, weights);
    return weights;
}

double choose_penalty(const Gram& fit, const Gram& others) {
    double most = 0;
    for (const double product : fit.xy) most = std::max(most, std::abs(product));
    std::vector<double> weights(fit.features());
    double best = most, least_error = others.yy;
    for (int i = 0; i <= penalties_a_decade * decades; ++i) {
        const double penalty = most * std::pow(10.0, -static_cast<double>(i) / penalties_a_decade);
        descend(fit, penalty, weights); // from the last penalty's, which are near
        const double error = others.squared_error(weights);
        if (error < least_error) {
            least_error = error;
            best = penalty;
        }
    }
    return best;
}

} // namespace elbo::classical
