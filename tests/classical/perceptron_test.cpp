// The classifier with hidden units, and distances between Gaussians.
#include "classical/frechet.hpp"
#include "classical/perceptron.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace elbo;
using namespace elbo::classical;

const comm::Communicator alone;

/// Two classes by whether two numbers have the same sign: none that is linear tells them apart.
struct Corners {
    std::vector<float> x;
    std::vector<std::uint32_t> classes;
    explicit Corners(std::uint64_t seed, std::size_t rows = 600) {
        elbo::testing::Congruential random(seed);
        for (std::size_t i = 0; i < rows; ++i) {
            const double a = random() - 0.5, b = random() - 0.5;
            x.insert(x.end(), {static_cast<float>(3 + a), static_cast<float>(2 * b), 1});
            classes.push_back(a * b > 0 ? 1 : 0);
        }
    }
    Classified samples() const { return {{x.data(), classes.size(), 3}, classes}; }
};

double accuracy(const std::vector<std::uint32_t>& found, const std::vector<std::uint32_t>& truth) {
    double right = 0;
    for (std::size_t i = 0; i < found.size(); ++i) right += found[i] == truth[i] ? 1 : 0;
    return right / static_cast<double>(found.size());
}

TEST(Perceptron, TellsApartWhatNoLineDoes) {
    const Corners fit(1), other(2);
    const Perceptron found = fit_perceptron(alone, fit.samples(), 2, {8, 1e-4, {1e-5, 300, {}}});
    EXPECT_GT(accuracy(found.classify(other.samples().x), other.classes), 0.96);
    EXPECT_LT(accuracy(fit_logistic(alone, fit.samples(), 2).classify(other.samples().x), other.classes), 0.65);
    std::vector<float> features(8 * 600);
    found.features(other.samples().x, {features.data(), 600, 8});
    for (std::size_t h = 0; h < 8; ++h) {
        double sum = found.bias[h];
        for (std::size_t j = 0; j < 3; ++j) sum += double{found.weights[h * 3 + j]} * other.x[j];
        EXPECT_NEAR(features[h], std::tanh(sum), 1e-5);
    }
}

// The minimiser would not get anywhere with a wrong gradient; the value at its end is that of a fresh computation.
TEST(Perceptron, TheMinimumIsOne) {
    const Corners fit(1);
    const Perceptron found = fit_perceptron(alone, fit.samples(), 2, {4, 1e-2, {1e-5, 1000, {}}});
    EXPECT_TRUE(found.fit.converged);
    EXPECT_LT(found.fit.value, std::log(2.0));
}

// scipy.linalg.sqrtm (1.17) in |m - n|^2 + trace(a + b - 2 sqrtm(a b)).
TEST(Frechet, AgreesWithScipy) {
    const Covariance a{{1, 2, 3}, {2, .5, .1, .5, 1, -.2, .1, -.2, .5}};
    const Covariance b{{0, 2.5, 1}, {1, -.3, .2, -.3, 2, .4, .2, .4, 3}};
    EXPECT_NEAR(frechet_distance(a, b), 7.037724741227135, 1e-9);
    EXPECT_NEAR(frechet_distance(b, a), frechet_distance(a, b), 1e-12);
    EXPECT_NEAR(frechet_distance(a, a), 0, 1e-12);
}

TEST(Frechet, OfDiagonalsIsThatOfDeviations) {
    const Covariance a{{0, 0}, {4, 0, 0, 0}}, b{{3, 0}, {9, 0, 0, 25}};
    EXPECT_NEAR(frechet_distance(a, b), 9 + (3 - 2) * (3 - 2) + 25, 1e-12);
}

} // namespace
