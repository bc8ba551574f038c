// Likelihoods: densities in double, extremes, gradients by differences for every row of the table.
#include "model/likelihood.hpp"
#include "support/gradient_check.hpp"
#include "support/rounded.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

namespace elbo::model {
namespace {

std::unique_ptr<Likelihood> make(const config::Settings& settings, layers::ParameterTable& parameters) {
    for (const LikelihoodKind& kind : likelihood_kinds()) {
        if (kind.schema.name == settings.kind) return kind.make(settings, parameters);
    }
    return nullptr;
}

struct Case {
    std::string name;
    config::Settings settings;
    float largest; ///< of x, which is at least 0
};

class EveryLikelihood : public testing::TestWithParam<Case> {};

/// 53 columns: vectors and a tail. Grey x.
TEST_P(EveryLikelihood, GradientAgreesWithDifferences) {
    constexpr std::size_t rows = 3, columns = 53;
    constexpr float scale = 0.25f;
    layers::ParameterTable parameters;
    const auto likelihood = make(GetParam().settings, parameters);
    std::vector<float> values(parameters.size()), gradients(parameters.size(), 99.0f);
    parameters.initialise(1, values);
    std::vector<float> outputs = test::random_values(rows * columns, 3, 1), diff(outputs.size());
    std::vector<float> x = test::random_values(rows * columns, 1, 2);
    for (float& v : x) v = std::abs(v) * GetParam().largest;
    std::vector<double> reconstruction(rows);
    const Matrix<const float> matrix_x(x.data(), rows, columns);
    const auto objective = [&] {
        likelihood->evaluate(values, {outputs.data(), rows, columns}, matrix_x, 1, reconstruction, {}, {});
        double sum = 0;
        for (const double r : reconstruction) sum -= r;
        return scale * sum;
    };
    likelihood->evaluate(values, {outputs.data(), rows, columns}, matrix_x, scale, reconstruction,
                         {diff.data(), rows, columns}, gradients);
    std::vector<test::Variable> variables = {{"outputs", outputs, diff}};
    if (!values.empty()) variables.push_back({"parameters", values, gradients});
    test::check_gradient(objective, variables);

    std::vector<float> in_place = outputs;
    objective();
    const std::vector<double> before = reconstruction;
    likelihood->evaluate(values, {in_place.data(), rows, columns}, matrix_x, scale, reconstruction,
                         {in_place.data(), rows, columns}, gradients);
    EXPECT_EQ(in_place, diff);
    EXPECT_EQ(reconstruction, before);
}

/// In bf16 the gradient is that in floats, rounded; all else has the same bits.
TEST_P(EveryLikelihood, GivesARoundedGradientWhereItIsStoredSo) {
    layers::ParameterTable parameters;
    const auto likelihood = make(GetParam().settings, parameters);
    constexpr std::size_t rows = 3, columns = 37;
    const std::vector<float> values(parameters.size(), -0.5f), outputs = test::random_values(rows * columns, 4, 1);
    std::vector<float> x = test::random_values(rows * columns, 1, 2), diff(x.size()), gradients(16), same(16);
    for (float& v : x) v = std::abs(v);
    std::vector<BFloat16> rounded(x.size());
    std::vector<double> first(rows), second(rows);
    const Matrix<const float> out(outputs.data(), rows, columns), data(x.data(), rows, columns);
    likelihood->evaluate(values, out, data, 0.3f, first, {diff.data(), rows, columns}, gradients);
    likelihood->evaluate(values, out, data, 0.3f, second, {rounded.data(), rows, columns}, same);
    EXPECT_EQ(rounded, test::rounded(diff));
    EXPECT_EQ(first, second);
    EXPECT_EQ(gradients, same);
}

/// With zero weights the decoder gives its bias for every sample, whose mean() must be the data's mean.
TEST_P(EveryLikelihood, BiasForMeanGivesTheMean) {
    layers::ParameterTable parameters;
    const auto likelihood = make(GetParam().settings, parameters);
    for (const double mean : {0.0, 0.001, 0.13, 0.5, 0.98, 1.0}) {
        float bias = likelihood->bias_for_mean(mean);
        EXPECT_TRUE(std::isfinite(bias));
        likelihood->mean({&bias, 1, 1});
        EXPECT_NEAR(bias, mean, 1.01e-4); // bernoulli keeps 1e-4 away from 0 and 1
    }
}

/// Mean and variance of 20,000 draws, within five standard errors; rows' draws are those of their samples, whatever
/// else stands in the matrix.
TEST_P(EveryLikelihood, DrawsHaveTheMomentsOfTheDensity) {
    layers::ParameterTable parameters;
    const auto likelihood = make(GetParam().settings, parameters);
    std::vector<float> values(parameters.size(), std::log(0.3f));
    constexpr std::size_t rows = 20000, columns = 3;
    const float output[columns] = {-1.5f, 0.2f, 2};
    std::vector<float> mean(output, output + columns), draws(rows * columns);
    likelihood->mean({mean.data(), 1, columns});
    for (std::size_t i = 0; i < draws.size(); ++i) draws[i] = output[i % columns];
    std::vector<std::uint64_t> samples(rows);
    std::iota(samples.begin(), samples.end(), 0);
    const Stream noise{3, Purpose::likelihood, 0};
    likelihood->draw(values, noise, samples, 2, {draws.data(), rows, columns});
    for (std::size_t d = 0; d < columns; ++d) {
        double sum = 0, squares = 0;
        for (std::size_t i = 0; i < rows; ++i) sum += draws[i * columns + d];
        for (std::size_t i = 0; i < rows; ++i) squares += std::pow(draws[i * columns + d] - mean[d], 2);
        const double variance = GetParam().name == "bernoulli" ? mean[d] * (1 - mean[d]) : 0.3;
        EXPECT_NEAR(sum / rows, mean[d], 5 * std::sqrt(variance / rows));
        EXPECT_NEAR(squares / rows, variance, 5 * variance * std::sqrt(2.0 / rows));
    }
    std::vector<float> one(output, output + columns), other = one;
    likelihood->draw(values, noise, std::span(samples).subspan(77, 1), 2, {one.data(), 1, columns});
    EXPECT_TRUE(std::equal(one.begin(), one.end(), draws.begin() + 77 * columns));
    other.assign(100, output[0]);
    std::vector<float> again = other;
    likelihood->draw(values, noise, std::span(samples).subspan(77, 1), 2, {other.data(), 1, 100});
    likelihood->draw(values, noise, std::span(samples).subspan(77, 1), 3, {again.data(), 1, 100});
    EXPECT_NE(other, again);
}

INSTANTIATE_TEST_SUITE_P(Table, EveryLikelihood,
                         testing::Values(Case{"bernoulli", test::bernoulli(), 1},
                                         Case{"gaussian_fixed", test::gaussian(0.3), 2},
                                         Case{"gaussian_learned", test::gaussian("learned"), 2}),
                         [](const auto& row) { return row.param.name; });

struct Row {
    std::vector<float> outputs, x, diff;
    double reconstruction = 0;
};

Row evaluate(Likelihood& likelihood, std::span<const float> values, std::vector<float> outputs, std::vector<float> x) {
    const std::size_t n = x.size();
    Row row{std::move(outputs), std::move(x), std::vector<float>(n), 0};
    std::vector<float> gradients(16);
    likelihood.evaluate(values, {row.outputs.data(), 1, n}, {row.x.data(), 1, n}, 1, {&row.reconstruction, 1},
                        {row.diff.data(), 1, n}, gradients);
    return row;
}

TEST(Bernoulli, FollowsPyTorch) {
    layers::ParameterTable parameters;
    const Row row = evaluate(*make(test::bernoulli(), parameters), {}, {-3, -0.5f, 0, 2, 7}, {0, 1, 0.25f, 1, 0});
    // -binary_cross_entropy_with_logits in float64 (PyTorch 2.15), and sigmoid - x.
    EXPECT_NEAR(row.reconstruction, -8.843651, 2e-6);
    const double diff[] = {0.047425873, -0.62245933, 0.25, -0.11920292, 0.99908895};
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(row.diff[i], diff[i], 1e-7);
}

TEST(Bernoulli, TakesExtremeLogits) {
    layers::ParameterTable parameters;
    const auto likelihood = make(test::bernoulli(), parameters);
    const Row right = evaluate(*likelihood, {}, {100, -100, 1e30f, -1e30f}, {1, 0, 1, 0});
    EXPECT_NEAR(right.reconstruction, 0, 1e-20);
    for (const float d : right.diff) EXPECT_NEAR(d, 0, 1e-20);
    const Row wrong = evaluate(*likelihood, {}, {100, -100}, {0, 1});
    EXPECT_NEAR(wrong.reconstruction, -200, 1e-4);
    EXPECT_EQ(wrong.diff, (std::vector<float>{1, -1}));
}

/// Long rows: more than one block of the factors that are multiplied up, each of them 2, and a tail.
TEST(Bernoulli, SumsLongRowsOfMaximalFactors) {
    layers::ParameterTable parameters;
    constexpr std::size_t n = 20011;
    const Row row =
        evaluate(*make(test::bernoulli(), parameters), {}, std::vector<float>(n, 0.0f), std::vector<float>(n, 1.0f));
    EXPECT_NEAR(row.reconstruction, -static_cast<double>(n) * std::numbers::ln2, 1e-6 * n);
}

TEST(Bernoulli, EqualsItsFormulaInDouble) {
    layers::ParameterTable parameters;
    const std::vector<float> logits = test::random_values(784, 8, 1);
    std::vector<float> x = test::random_values(784, 1, 2);
    double expected = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        x[i] = x[i] > 0 ? 1.0f : 0.0f;
        const double l = logits[i];
        expected += x[i] * l - (std::max(l, 0.0) + std::log1p(std::exp(-std::abs(l))));
    }
    const Row row = evaluate(*make(test::bernoulli(), parameters), {}, logits, x);
    EXPECT_NEAR(row.reconstruction, expected, 1e-6 * std::abs(expected));
}

TEST(Gaussian, IsTheDensityWithItsConstant) {
    layers::ParameterTable parameters;
    const Row row = evaluate(*make(test::gaussian(0.25), parameters), {}, {0, 1, 2}, {0.5f, 1, 1});
    // -1/2 (0.25 + 0 + 1) / 0.25 - 3/2 log(2 pi 0.25)
    EXPECT_NEAR(row.reconstruction, -2.5 - 1.5 * std::log(2 * std::numbers::pi * 0.25), 1e-6);
    EXPECT_EQ(row.diff, (std::vector<float>{-2, 0, 4}));
    EXPECT_EQ(parameters.size(), 0u);
}

TEST(Gaussian, LearnsOneVarianceThatFitsTheErrors) {
    layers::ParameterTable parameters;
    const auto likelihood = make(test::gaussian("learned"), parameters);
    ASSERT_EQ(parameters.all().size(), 1u);
    EXPECT_EQ(parameters.all()[0].path, "likelihood/log_variance");
    // At the errors' own variance, here 0.25, the gradient vanishes.
    const std::vector<float> values = {std::log(0.25f)}, outputs = {0.5f, -0.5f}, x = {0, 0};
    std::vector<float> diff(2), gradients(1, 99.0f);
    double reconstruction = 0;
    likelihood->evaluate(values, {outputs.data(), 1, 2}, {x.data(), 1, 2}, 3, {&reconstruction, 1}, {diff.data(), 1, 2},
                         gradients);
    EXPECT_NEAR(gradients[0], 0, 1e-6);
    EXPECT_NEAR(reconstruction, -1 - std::log(2 * std::numbers::pi * 0.25), 1e-6);
}

} // namespace
} // namespace elbo::model
