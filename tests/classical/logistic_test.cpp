// Logistic regression and its minimiser against scikit-learn 1.9.1 and closed forms.
#include "classical/logistic.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace elbo;
using namespace elbo::classical;

const comm::Communicator alone;

TEST(Lbfgs, FindsTheMinimumOfRosenbrocksValley) {
    const auto valley = [](std::span<const double> x, std::span<double> gradient) {
        const double a = 1 - x[0], b = x[1] - x[0] * x[0];
        gradient[0] = -2 * a - 400 * x[0] * b;
        gradient[1] = 200 * b;
        return a * a + 100 * b * b;
    };
    std::vector<double> x = {-1.2, 1};
    std::size_t told = 0;
    const Minimum minimum =
        minimise(valley, x, {1e-9, 200, [&](std::size_t iterations, double) { told = iterations; }});
    EXPECT_TRUE(minimum.converged);
    EXPECT_EQ(told, minimum.iterations);
    EXPECT_LT(minimum.iterations, 60U);
    EXPECT_NEAR(x[0], 1, 1e-8);
    EXPECT_NEAR(x[1], 1, 1e-8);

    x = {-1.2, 1};
    EXPECT_FALSE(minimise(valley, x, {1e-9, 3, {}}).converged);
}

/// 300 samples of four features, of which the fourth tells nothing, in three classes.
struct Samples {
    std::vector<float> x;
    std::vector<std::uint32_t> classes;

    Samples() {
        elbo::testing::Congruential random(1);
        for (int i = 0; i < 300; ++i)
            for (int j = 0; j < 4; ++j) x.push_back(static_cast<float>(random() * (j + 1)));
        for (std::size_t i = 0; i < 300; ++i)
            classes.push_back(
                static_cast<std::uint32_t>(3 * (0.5 * x[4 * i] + 0.2 * x[4 * i + 1] / 2 + 0.3 * random())));
    }
    Matrix<const float> matrix() const { return {x.data(), classes.size(), 4}; }
};

// LogisticRegression(C=1, tol=1e-12) behind StandardScaler, weights brought back to features as they are. Products here
// are in float: weights agree to some 1e-5 of their size.
TEST(Logistic, HasTheWeightsOfScikitLearn) {
    const Samples samples;
    const Logistic found = fit_logistic(alone, {samples.matrix(), samples.classes}, 3, 1, {1e-6, 1000, {}});
    EXPECT_TRUE(found.fit.converged);
    EXPECT_NEAR(found.fit.value, 0.5319567528, 1e-6);
    const std::vector<double> weights = {-8.133522569,  -1.8348603905, 0.1277798448,  -0.1295487496,
                                         -0.0261858326, -0.0323255665, 0.0538059727,  0.1371769926,
                                         8.1597084016,  1.867185957,   -0.1815858175, -0.007628243};
    for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(found.weights[i], weights[i], 2e-3) << i;
    const double middle = (found.bias[0] + found.bias[1] + found.bias[2]) / 3.0; // free: all classes may be raised
    EXPECT_NEAR(found.bias[0] - middle, 5.3221882163, 2e-3);
    EXPECT_NEAR(found.bias[2] - middle, -6.9229135709, 2e-3);

    std::size_t right = 0;
    const std::vector<std::uint32_t> classes = found.classify(samples.matrix());
    for (std::size_t i = 0; i < classes.size(); ++i) right += classes[i] == samples.classes[i] ? 1 : 0;
    EXPECT_EQ(right, 224U);
}

// A feature that is constant says nothing; one that tells classes apart for certain needs the penalty to stay finite.
TEST(Logistic, TakesConstantAndSeparatingFeatures) {
    std::vector<float> x;
    std::vector<std::uint32_t> classes;
    for (int i = 0; i < 1100; ++i) { // more than a block of rows
        classes.push_back(static_cast<std::uint32_t>(i % 2));
        x.insert(x.end(), {7, static_cast<float>(i % 2)});
    }
    const Logistic found = fit_logistic(alone, {{x.data(), classes.size(), 2}, classes}, 2);
    EXPECT_TRUE(found.fit.converged);
    EXPECT_NEAR(found.weights[0], 0, 1e-3);
    EXPECT_EQ(found.classify({x.data(), classes.size(), 2}), classes);
}

} // namespace
