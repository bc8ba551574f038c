// Likelihoods p(x | z) of the decoder's output, by a table.
#pragma once

#include "config/config.hpp"
#include "layers/activation.hpp"
#include "layers/parameters.hpp"
#include "numerics/any_matrix.hpp"
#include "numerics/random.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace elbo::model {

class Likelihood {
public:
    virtual ~Likelihood() = default;

    /// reconstruction[i] = log p(x_i | outputs_i) in nats, summed over x's elements. Where diff_outputs has columns, it
    /// gets scale * d(-sum_i reconstruction[i]) / d outputs, and gradients (the model's flat array, or empty) the same
    /// for the likelihood's own parameters. outputs, x: [rows, dimensions]; diff_outputs, of either precision, may be
    /// outputs' own memory.
    virtual void evaluate(std::span<const float> values, Matrix<const float> outputs, Matrix<const float> x,
                          float scale, std::span<double> reconstruction, AnyMatrix diff_outputs,
                          std::span<float> gradients) = 0;

    /// log_likelihood[i] = that of the elements of x_i that are observed, those where `observed` is not 0, and outputs
    /// gives way to its gradient by the outputs. observed: [rows, dimensions]; the Gaussian's parameters stay as they
    /// are.
    virtual void evaluate_observed(std::span<const float> values, Matrix<float> outputs, Matrix<const float> x,
                                   Matrix<const float> observed, std::span<double> log_likelihood) const = 0;

    /// E[x | outputs], in place.
    virtual void mean(Matrix<float> outputs) const = 0;

    /// From the gradient by E[x | outputs] that by outputs, in place.
    virtual void backpropagate_mean(Matrix<const float> mean, Matrix<float> diff) const = 0;

    /// What mean() does, as an activation of each output.
    virtual layers::Activation expectation() const = 0;
    /// Of every element about its mean, where there is one number for all.
    virtual std::optional<double> variance(std::span<const float> values) const = 0;

    /// Draws from p(x | outputs), in place: row i by the noise of samples[i] and this draw.
    virtual void draw(std::span<const float> values, const Stream& noise, std::span<const std::uint64_t> samples,
                      std::uint32_t number, Matrix<float> outputs) const = 0;

    /// Least and greatest value of x's elements that the likelihood takes: [0, 1] for bernoulli.
    virtual std::pair<double, double> support() const = 0;

    /// The decoder's output bias at which the mean of p(x | z) is the data's mean, a value each dimension.
    virtual float bias_for_mean(double mean) const = 0;
};

struct LikelihoodKind {
    config::Kind schema;
    std::unique_ptr<Likelihood> (*make)(const config::Settings& settings, layers::ParameterTable& parameters);
};

std::span<const LikelihoodKind> likelihood_kinds();

} // namespace elbo::model
