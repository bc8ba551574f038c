// Activations: values and slopes against their formulas in double, every row of the table.
#include "layers/activation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace elbo::layers {
namespace {

struct Reference {
    double (*value)(double);
    double (*slope)(double);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }

Reference reference(Activation activation) {
    switch (activation) {
    case Activation::identity:
        return {[](double x) { return x; }, [](double) { return 1.0; }};
    case Activation::relu:
        return {[](double x) { return std::max(x, 0.0); }, [](double x) { return x > 0 ? 1.0 : 0.0; }};
    case Activation::tanh:
        return {[](double x) { return std::tanh(x); }, [](double x) { return 1 / std::pow(std::cosh(x), 2); }};
    case Activation::sigmoid:
        return {sigmoid, [](double x) { return sigmoid(x) * sigmoid(-x); }};
    case Activation::softplus:
        return {[](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, sigmoid};
    case Activation::leaky_relu:
        return {[](double x) { return x > 0 ? x : 0.01 * x; }, [](double x) { return x > 0 ? 1.0 : 0.01; }};
    case Activation::gelu:
        return {[](double x) { return x * normal_distribution(x); },
                [](double x) { return normal_distribution(x) + x * normal_density(x); }};
    case Activation::silu:
        return {[](double x) { return x * sigmoid(x); }, [](double x) { return sigmoid(x) * (1 + x * sigmoid(-x)); }};
    }
    return {};
}

class EveryActivation : public testing::TestWithParam<ActivationKind> {};

/// Five rows of 37 columns with a stride of 40: body, tail, a group of rows and what is left. Rows [-9, 9].
TEST_P(EveryActivation, ValueSlopeAndBiasGradientFollowTheFormulas) {
    constexpr std::size_t rows = 5, columns = 37, stride = 40;
    std::vector<float> out(rows * stride), slope(rows * columns), diff(rows * stride, 7.0f), bias(columns);
    std::vector<double> x(rows * columns);
    for (std::size_t j = 0; j < columns; ++j) bias[j] = static_cast<float>(j) / 64 - 0.25f;
    const Matrix<float> y(out.data(), rows, columns, stride), d(diff.data(), rows, columns, stride);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
            const std::size_t k = i * columns + j;
            y(i, j) = static_cast<float>(k) / 10.25f - 9;
            x[k] = static_cast<double>(y(i, j)) + bias[j];
            d(i, j) = static_cast<float>(i) - 1.5f;
        }
    }
    const Activation activation = GetParam().activation;
    const bool keeps = GetParam().keeps_slope;
    activate(activation, bias, y, keeps ? Matrix<float>(slope.data(), rows, columns) : Matrix<float>());
    std::vector<float> diff_bias(columns, 0.5f);
    backpropagate_activation(activation, keeps ? Matrix<const float>(slope.data(), rows, columns) : y, d, diff_bias);

    // Values to some units in the last place of float; slopes by differences such as 1 - f^2 to 1e-6 absolute. Around a
    // kink x is rounded to the one side or the other, which the grid above avoids.
    const Reference f = reference(activation);
    std::vector<double> sums(columns, 0.5); // what diff_bias held before
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
            const double at = x[i * columns + j], before = static_cast<double>(i) - 1.5;
            EXPECT_NEAR(y(i, j), f.value(at), 1e-6 + 1e-6 * std::abs(f.value(at))) << at;
            EXPECT_NEAR(d(i, j), before * f.slope(at), 3e-6) << at;
            sums[j] += d(i, j);
        }
    }
    for (std::size_t j = 0; j < columns; ++j) EXPECT_NEAR(diff_bias[j], sums[j], 1e-5);
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = columns; j < stride; ++j) {
            EXPECT_EQ(out[i * stride + j], 0.0f) << "written beyond the row";
            EXPECT_EQ(diff[i * stride + j], 7.0f) << "written beyond the row";
        }
    }
}

TEST_P(EveryActivation, AnElementHasTheSameBitsInBodyAndTail) {
    constexpr std::size_t columns = 67;
    std::vector<float> bias(columns, 0.125f), whole(columns);
    for (std::size_t j = 0; j < columns; ++j) whole[j] = std::sin(static_cast<float>(j)) * 6;
    const std::vector<float> x = whole;
    std::vector<float> slope(columns);
    activate(GetParam().activation, bias, {whole.data(), 1, columns}, {slope.data(), 1, columns});
    for (std::size_t j = 0; j < columns; ++j) {
        float alone = x[j], alone_slope = 0;
        activate(GetParam().activation, std::span(bias).first(1), {&alone, 1, 1}, {&alone_slope, 1, 1});
        EXPECT_EQ(alone, whole[j]) << j;
        if (GetParam().keeps_slope) {
            EXPECT_EQ(alone_slope, slope[j]) << j;
        }
    }
}

TEST_P(EveryActivation, ExtremesStayFiniteAndNotANumberIsNotHidden) {
    float values[] = {-1e4f, 1e4f, std::numeric_limits<float>::quiet_NaN()};
    const float bias[] = {0, 0, 0};
    float slope[3] = {}, diff[] = {1, 1, 1}, diff_bias[3];
    activate(GetParam().activation, bias, {values, 1, 3}, {slope, 1, 3});
    backpropagate_activation(GetParam().activation, {GetParam().keeps_slope ? slope : values, 1, 3}, {diff, 1, 3},
                             diff_bias);
    for (int k = 0; k < 2; ++k) {
        EXPECT_TRUE(std::isfinite(values[k]));
        EXPECT_TRUE(std::isfinite(diff[k]));
    }
    EXPECT_TRUE(std::isnan(values[2]));
}

/// He et al. 2015: variance 2 / in; Glorot & Bengio 2010: 2 / (in + out), for the sigmoid with 1 / 4 for its slope.
TEST_P(EveryActivation, InitialWeightsKeepTheSignalsSize) {
    const Initial initial = GetParam().initial_weight(300, 100);
    EXPECT_EQ(initial.kind, Initial::Kind::uniform);
    const Activation activation = GetParam().activation;
    const bool symmetric = activation == Activation::identity || activation == Activation::tanh;
    const double slope = activation == Activation::sigmoid ? 0.25 : 1;
    const double glorot = 2.0 / 400, he = 2.0 / 300;
    EXPECT_NEAR(initial.scale * initial.scale / 3 * slope * slope, symmetric || slope != 1 ? glorot : he, 1e-12);
}

std::string name_of(const testing::TestParamInfo<ActivationKind>& info) { return std::string(info.param.schema.name); }
INSTANTIATE_TEST_SUITE_P(Table, EveryActivation,
                         testing::ValuesIn(activation_kinds().begin(), activation_kinds().end()), name_of);

TEST(Activation, IsFoundByNameAndNotByAnother) {
    EXPECT_EQ(activation_kind("silu").activation, Activation::silu);
    EXPECT_THROW(activation_kind("swish"), std::logic_error);
}

} // namespace
} // namespace elbo::layers
