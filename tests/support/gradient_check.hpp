// The gradient check that every layer, likelihood and model goes through: directional derivatives by finite differences
// against the gradient that the code under test computed.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace elbo::test {

/// The usual objective of a layer's outputs: the sum of weights[i] values[i], in double.
inline double weighted_sum(std::span<const float> weights, std::span<const float> values) {
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) sum += static_cast<double>(weights[i]) * values[i];
    return sum;
}

/// Something that the objective depends on (a layer's weight, its input), and the gradient to be checked.
struct Variable {
    std::string name;
    std::span<float> point;
    std::span<const float> gradient;
};

/// Five-point differences, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h, along directions with entries of -1 and 1.
/// The error is O(h^4) and the rounding of float passes over h: with values of order 1 and h = 1/64, about 1e-4 of the
/// gradient's length, so that 2e-3 of it leaves room and a wrong factor, sign or missing term shows.
struct Difference {
    double step = 1.0 / 64;
    double tolerance = 2e-3;
    int directions = 6;
};

/// objective: of the variables' present values. It may compute in float; it should sum in double.
inline void check_gradient(const std::function<double()>& objective, std::vector<Variable> variables,
                           const Difference& difference = {}) {
    std::mt19937 random(20240229);
    for (const Variable& variable : variables) {
        ASSERT_EQ(variable.point.size(), variable.gradient.size()) << variable.name;
        const std::vector<float> start(variable.point.begin(), variable.point.end());
        const std::vector<float> gradient(variable.gradient.begin(), variable.gradient.end());
        double squares = 0;
        for (const float g : gradient) squares += static_cast<double>(g) * g;
        ASSERT_TRUE(std::isfinite(squares)) << variable.name;

        for (int k = 0; k < difference.directions; ++k) {
            std::vector<float> direction(start.size());
            for (float& d : direction) d = (random() & 1) != 0 ? 1.0f : -1.0f;
            double expected = 0;
            for (std::size_t i = 0; i < start.size(); ++i) expected += static_cast<double>(gradient[i]) * direction[i];

            const auto at = [&](double distance) {
                for (std::size_t i = 0; i < start.size(); ++i) {
                    variable.point[i] = static_cast<float>(start[i] + distance * direction[i]);
                }
                return objective();
            };
            const double h = difference.step;
            const double measured = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
            EXPECT_NEAR(measured, expected, difference.tolerance * std::sqrt(squares) + 1e-6)
                << variable.name << ", direction " << k;
        }
        std::copy(start.begin(), start.end(), variable.point.begin());
    }
}

/// Numbers between -bound and bound.
inline std::vector<float> random_values(std::size_t count, float bound, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-bound, bound);
    std::vector<float> values(count);
    for (float& value : values) value = uniform(random);
    return values;
}

} // namespace elbo::test
