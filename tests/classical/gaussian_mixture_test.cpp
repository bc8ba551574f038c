// Gaussian mixtures: densities in closed form, samples' moments, and fits against scikit-learn's.
#include "base/error.hpp"
#include "classical/mixture_fit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace elbo::classical {
namespace {

/// Two components on a line: 0.25 N(-1, 4) + 0.75 N(2, 0.25).
MixtureParameters on_a_line() { return {1, {0.25, 0.75}, {-1, 2}, {4, 0.25}}; }

double normal_density(double x, double mean, double variance) {
    return std::exp(-0.5 * (x - mean) * (x - mean) / variance) / std::sqrt(2 * std::numbers::pi * variance);
}

TEST(GaussianMixture, HasTheDensityOfItsFormula) {
    const GaussianMixture mixture(on_a_line());
    for (const float x : {-5.0f, -1.0f, 0.3f, 2.0f, 4.0f}) {
        const double expected = 0.25 * normal_density(x, -1, 4) + 0.75 * normal_density(x, 2, 0.25);
        EXPECT_NEAR(mixture.log_density({&x, 1}), std::log(expected), 1e-12) << x;
    }
}

/// All densities underflow there; one more component, which has no weight, changes nothing.
TEST(GaussianMixture, StaysFiniteFarAway) {
    MixtureParameters parameters = on_a_line();
    parameters.weights.push_back(0);
    parameters.means.push_back(1000);
    parameters.covariances.push_back(1);
    const GaussianMixture mixture(parameters);
    const float x = 1000;
    double log_density = 0;
    std::array<double, 3> shares{};
    mixture.explain({&x, 1, 1}, {&log_density, 1}, {shares.data(), 1, 3});
    EXPECT_NEAR(log_density, std::log(0.25) - 0.5 * 1001.0 * 1001.0 / 4 - 0.5 * std::log(8 * std::numbers::pi), 1e-6);
    EXPECT_EQ(shares, (std::array<double, 3>{1, 0, 0}));
}

TEST(GaussianMixture, RefusesWhatIsNoCovariance) {
    EXPECT_THROW(GaussianMixture({2, {1}, {0, 0}, {1, 2, 2, 1}}), Error);
    EXPECT_THROW(GaussianMixture({2, {1}, {0, 0}, {1}}), std::logic_error);
}

/// Of 40,000 samples, within five standard errors.
TEST(GaussianMixture, SamplesHaveItsMoments) {
    const MixtureParameters parameters{2, {0.3, 0.7}, {-2, 1, 2, 0}, {0.5, 0.2, 0.2, 0.3, 1, -0.6, -0.6, 0.5}};
    const GaussianMixture mixture(parameters);
    constexpr std::size_t count = 40000;
    const Stream noise{4, Purpose::mixture, 0};
    std::array<double, 2> of{}, sum_x{}, squares{}, products{};
    for (std::size_t i = 0; i < count; ++i) {
        std::array<float, 2> x{}, centre{};
        mixture.sample(noise, i, 1, x);
        mixture.sample(noise, i, 0, centre); // the mean of the component that it is of
        const std::size_t k = centre[0] < 0 ? 0 : 1;
        EXPECT_EQ(centre[0], static_cast<float>(parameters.means[2 * k]));
        const double a = x[0] - parameters.means[2 * k], b = x[1] - parameters.means[2 * k + 1];
        of[k] += 1;
        sum_x[k] += a;
        squares[k] += a * a;
        products[k] += a * b;
    }
    EXPECT_NEAR(of[0] / count, 0.3, 5 * std::sqrt(0.21 / count));
    for (std::size_t k = 0; k < 2; ++k) {
        const Matrix<const double> covariance = parameters.covariance(k);
        EXPECT_NEAR(sum_x[k] / of[k], 0, 5 * std::sqrt(covariance(0, 0) / of[k]));
        EXPECT_NEAR(squares[k] / of[k], covariance(0, 0), 5 * covariance(0, 0) * std::sqrt(2 / of[k]));
        EXPECT_NEAR(products[k] / of[k], covariance(0, 1), 5 * std::sqrt(2 * covariance(0, 0) / of[k]));
    }
}

TEST(GaussianMixture, TemperatureIsAFactorOnDeviations) {
    const GaussianMixture mixture(on_a_line());
    const Stream noise{4, Purpose::mixture, 0};
    for (std::uint64_t i = 0; i < 20; ++i) {
        float full = 0, half = 0, none = 0;
        mixture.sample(noise, i, 1, {&full, 1});
        mixture.sample(noise, i, 0.5, {&half, 1});
        mixture.sample(noise, i, 0, {&none, 1});
        EXPECT_NEAR(half - none, (full - none) / 2, 1e-6);
    }
}

/// 24 points of three clouds, in 64ths.
constexpr int in_64ths[] = {22,  40,  21,  -29, 58,   49, -34,  -2,  23,   23,  2,    19,  -47,  -33, -31,  1,
                            3,   -8,  -50, -38, 192,  57, 225,  90,  123,  16,  188,  53,  197,  70,  246,  36,
                            182, 116, 209, 81,  -138, 87, -125, 199, -152, 148, -129, 132, -130, 198, -127, 160};

struct Clouds {
    std::vector<float> values;
    Clouds() {
        for (const int value : in_64ths) values.push_back(static_cast<float>(value) / 64);
    }
    Matrix<const float> points() const { return {values.data(), values.size() / 2, 2}; }
};

GaussianMixture clouds_start() {
    return GaussianMixture({2, {0.4, 0.3, 0.3}, {0, 0, 2, 2, -1, 2}, {1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1}});
}

void expect_near(std::span<const double> found, const std::vector<double>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 2e-10) << i;
}

/// sklearn.mixture.GaussianMixture(3, max_iter=1, tol=0, reg_covar=1e-6) of scikit-learn 1.9.1, from the same weights,
/// means and unit covariances.
TEST(MixtureFit, OneIterationIsThatOfScikitLearn) {
    const MixtureFit fit = fit_mixture_from(Clouds().points(), clouds_start(), {3, 1e-6, 0, 1});
    const MixtureParameters& found = fit.mixture.parameters();
    expect_near(found.weights, {0.4016847183, 0.3265785988, 0.2717366829});
    expect_near(found.means, {0.0107568543, 0.0516902535, 2.9825437469, 1.0390661379, -1.8561994763, 2.1847477017});
    expect_near(found.covariances,
                {0.6363949374, 0.1360077047, 0.1360077047, 0.2515143358, 0.5448783629, 0.0841079151, 0.0841079151,
                 0.1935183569, 0.4845553455, -0.4029427492, -0.4029427492, 0.8179024133});
    ASSERT_EQ(fit.log_likelihoods.size(), 2u);
    EXPECT_NEAR(fit.log_likelihoods.back(), -2.54437663753, 1e-11);
    EXPECT_FALSE(fit.converged);
}

/// The same with tol=1e-12, and max_iter beyond what it takes.
TEST(MixtureFit, EndsWhereScikitLearnDoes) {
    const MixtureFit fit = fit_mixture_from(Clouds().points(), clouds_start(), {3, 1e-6, 1e-12, 1000});
    const MixtureParameters& found = fit.mixture.parameters();
    EXPECT_TRUE(fit.converged);
    EXPECT_NEAR(fit.log_likelihoods.back(), -2.03275859603, 1e-11);
    const auto near = [](std::span<const double> values, const std::vector<double>& expected) {
        for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-6) << i;
    };
    near(found.weights, {0.4166459478, 0.3333540522, 0.25});
    near(found.means, {-0.0515974478, 0.0343341142, 3.0506321111, 1.0136621106, -2.0859375, 2.40625});
    near(found.covariances, {0.281942601, 0.1761600672, 0.1761600672, 0.2022656533, 0.2783823436, 0.0756570181,
                             0.0756570181, 0.2122924958, 0.0207326081, 0.0361735026, 0.0361735026, 0.3664560781});
    const float near_point[] = {0.5f, -0.25f}, far_point[] = {10, -10};
    EXPECT_NEAR(fit.mixture.log_density(near_point), -3.57343098, 1e-5);
    EXPECT_NEAR(fit.mixture.log_density(far_point), -522.33469146, 1e-3);
}

TEST(MixtureFit, FindsTheCloudsByItself) {
    const MixtureFit fit = fit_mixture(Clouds().points(), {3}, {1, Purpose::mixture, 0});
    std::vector<double> weights = fit.mixture.parameters().weights;
    std::ranges::sort(weights);
    EXPECT_NEAR(weights[0], 0.25, 0.01);
    EXPECT_NEAR(weights[1], 1.0 / 3, 0.01);
    EXPECT_NEAR(fit.log_likelihoods.back(), -2.0327586, 1e-3);
}

TEST(MixtureFit, OneComponentIsMeanAndCovariance) {
    const std::vector<float> points = {1, 2, 3, 2, 5, 5};
    const MixtureFit fit = fit_mixture({points.data(), 3, 2}, {1, 0.5}, {1, Purpose::mixture, 0});
    const MixtureParameters& found = fit.mixture.parameters();
    expect_near(found.weights, {1});
    expect_near(found.means, {3, 3});
    expect_near(found.covariances, {8.0 / 3 + 0.5, 2, 2, 2 + 0.5});
}

std::vector<float> noise_points(std::size_t rows, std::size_t columns) {
    std::vector<float> points(rows * columns);
    for (std::size_t i = 0; i < rows; ++i)
        fill_normal({9, Purpose::synthesis, 0}, i, 0, std::span(points).subspan(i * columns, columns));
    return points;
}

TEST(MixtureFit, LikelihoodNeverFalls) {
    for (const std::size_t columns : {1, 3, 8})
        for (const std::size_t components : {1, 4, 20})
            for (const double ridge : {0.0, 1e-6, 0.5}) {
                const std::vector<float> points = noise_points(300, columns);
                const MixtureFit fit = fit_mixture({points.data(), 300, columns}, {components, ridge + 1e-9, 0, 60},
                                                   {5, Purpose::mixture, 0});
                EXPECT_TRUE(std::ranges::is_sorted(fit.log_likelihoods)) << columns << ' ' << components;
                EXPECT_TRUE(std::isfinite(fit.log_likelihoods.back()));
            }
}

/// What is said of the last iteration is what the mixture gives the points.
TEST(MixtureFit, SaysTheLikelihoodOfItsMixture) {
    const std::vector<float> points = noise_points(200, 3);
    const MixtureFit fit = fit_mixture({points.data(), 200, 3}, {5, 0.3, 0, 40}, {5, Purpose::mixture, 0});
    double sum = 0;
    for (std::size_t i = 0; i < 200; ++i) sum += fit.mixture.log_density(std::span(points).subspan(3 * i, 3));
    EXPECT_NEAR(sum / 200, fit.log_likelihoods.back(), 1e-12);
}

TEST(MixtureFit, IsAFunctionOfPointsAndSeed) {
    const std::vector<float> points = noise_points(200, 3);
    const auto fit = [&](std::uint32_t seed) {
        return fit_mixture({points.data(), 200, 3}, {6}, {seed, Purpose::mixture, 0}).mixture.parameters().means;
    };
    EXPECT_EQ(fit(1), fit(1));
    EXPECT_NE(fit(1), fit(2));
}

/// As many components as points: each is its own centre, and the ridge alone is its variance.
TEST(MixtureFit, GivesEveryPointAComponentWhereThereAreSoMany) {
    const std::vector<float> points = {0, 10, 20, 30};
    const MixtureFit fit = fit_mixture({points.data(), 4, 1}, {4, 0.01}, {3, Purpose::mixture, 0});
    std::vector<double> means = fit.mixture.parameters().means;
    std::ranges::sort(means);
    expect_near(means, {0, 10, 20, 30});
    expect_near(fit.mixture.parameters().covariances, {0.01, 0.01, 0.01, 0.01});
}

std::string refusal(const std::vector<float>& points, std::size_t components) {
    try {
        fit_mixture({points.data(), points.size(), 1}, {components}, {3, Purpose::mixture, 0});
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

TEST(MixtureFit, RefusesWhatCannotBeFitted) {
    EXPECT_EQ(refusal({1, 2}, 3), "a mixture of 3 components needs as many points, found 2; ask for fewer components");
    EXPECT_EQ(refusal({1, 2, 1, 1}, 3),
              "a mixture of 3 components needs as many different points, found 2; ask for fewer components");
    EXPECT_EQ(refusal({1, 2}, 0), "a mixture of 0 components: expected at least 1");
    EXPECT_EQ(refusal({1, 2, std::nanf("")}, 2), "a mixture of 2 components: point 2 is infinite or NaN");
    EXPECT_EQ(refusal({1, std::numeric_limits<float>::infinity()}, 1),
              "a mixture of 1 components: point 1 is infinite or NaN");
}

} // namespace
} // namespace elbo::classical
