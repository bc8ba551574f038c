// The variational autoencoder: encoder, posterior, decoder, likelihood, and the gradient of its bound
// (Kingma & Welling 2014, "Auto-encoding variational Bayes"; beta: Higgins et al. 2017).
#pragma once

#include "config/config.hpp"
#include "layers/layer.hpp"
#include "model/likelihood.hpp"
#include "numerics/memory.hpp"
#include "numerics/random.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace elbo::model {

/// Sums over samples, in nats; elbo = reconstruction - kl.
struct Bound {
    double reconstruction = 0, kl = 0;
    std::uint64_t samples = 0;
    double elbo() const { return reconstruction - kl; }
    /// A sample's, as its logged terms give it: the difference of their means, to the last bit.
    double mean_elbo() const {
        const auto count = static_cast<double>(samples);
        return reconstruction / count - kl / count;
    }
    Bound& operator+=(const Bound& other);
};

/// Some rows of a global batch: x is [rows, dimensions] floats as the model sees them; sample numbers address the
/// noise.
struct Batch {
    Matrix<const float> x;
    std::span<const std::uint64_t> samples;
};

/// Told the bound of a forward pass's rows, while its activations are still there.
using ForwardDone = std::function<void(const Bound& bound)>;

/// Of rows from first on: reads their decoded means E[x | z], [rows, dimensions], and writes an objective's gradient by
/// them.
using MeanObjective = std::function<void(std::size_t first, Matrix<const float> mean, Matrix<float> diff_mean)>;

/// What a model computes, for those who write it down for other programs.
struct Computation {
    Shape sample;                           ///< of x
    std::vector<layers::Operation> encoder; ///< from x to what the heads take
    layers::Operation mean, log_variance;   ///< the heads; the latter's output is raw: bounded_log_variance()
    std::vector<layers::Operation> decoder; ///< from z to the likelihood's parameters, one an element of x
    layers::Activation expectation;         ///< E[x | z] of them
    std::optional<double> variance;         ///< of every element about it, where p(x | z) has one
};

class Vae {
public:
    /// sample_shape: one sample of the dataset. Plans the workspace for up to max_rows rows; throws InputError where
    /// layers' shapes do not fit, naming the configuration's line. precision: of products' operands and of activations;
    /// in bf16, passes are to be given the values' rounded copy too.
    Vae(const config::Model& settings, const Shape& sample_shape, std::size_t max_rows,
        Precision precision = Precision::fp32);
    ~Vae();

    const layers::ParameterTable& parameters() const;
    Precision precision() const;
    std::size_t latent() const;
    /// Of a sample, from layer to layer: the encoder's without its heads, and the decoder's with the output's.
    std::vector<layers::NamedShape> encoder_shapes() const;
    std::vector<layers::NamedShape> decoder_shapes() const;
    std::size_t dimensions() const; ///< of a sample
    std::size_t workspace_bytes() const;
    /// Of a training step's products, a sample: forward, and backward without the first layer's input gradient.
    double flops_per_sample() const;

    Computation computation(std::span<const float> values) const;

    /// The likelihood's: least and greatest value of x's elements.
    std::pair<double, double> support() const;

    /// Takes the workspace. Before the first pass.
    void allocate();

    /// Initial values, with the output bias from the data's mean (a value each dimension).
    void initialise(std::uint32_t seed, std::span<const double> data_mean, std::span<float> values) const;

    /// Forward and backward of one shard: overwrites gradients with scale * d(-sum over rows of (reconstruction - beta
    /// * kl)) / d values. No rows: gradients become zero. forward_done, where there is one, is called with the bound
    /// before the backward pass begins, and final_from as it goes on.
    Bound gradient(
        const layers::Values& values, const Batch& batch, const Stream& noise, double beta, double scale,
        std::span<float> gradients, const layers::FinalFrom& final_from = [](std::size_t) {},
        const ForwardDone& forward_done = {});

    /// For a bound that is not finite, from within forward_done or after evaluate(), with what they were given: the
    /// first place that is infinite or NaN, as "encoder/dense2 gives inf for sample 1234". In this order: a parameter,
    /// a row of x, the encoder's layers, mean, log variance, KL divergence, the decoder's layers and output, the
    /// log-likelihood. Empty where all are finite.
    std::string first_not_finite(const layers::Values& values, const Batch& batch) const;

    /// For a gradient that overflowed: path of the first parameter whose gradient is not finite, in the backward pass's
    /// order (decoder/output before encoder/dense1). Elements for which leave_out is true do not count. Empty: none.
    std::string first_not_finite_gradient(std::span<const float> gradients,
                                          const std::function<bool(std::size_t element)>& leave_out = {}) const;

    /// The bound alone, of any number of rows up to max_rows. Where latents are given, the rows' sums are added to them
    /// as add_latents() does.
    Bound evaluate(const layers::Values& values, const Batch& batch, const Stream& noise,
                   std::span<double> latents = {});

    /// The posterior of any number of rows: means and log variances, [rows, latent] each.
    void encode(const layers::Values& values, Matrix<const float> x, Matrix<float> mean, Matrix<float> log_variance);

    /// out[i] = log p(x_i | z_i) in nats. z: [rows, latent], x: [rows, dimensions].
    void log_likelihood(const layers::Values& values, Matrix<const float> z, Matrix<const float> x,
                        std::span<double> out);

    /// log p of the observed elements of x_i, those where `observed` is not 0 (without columns: all), and its gradient
    /// by z_i. x, observed: [rows, dimensions]; z, diff_z: [rows, latent], diff_z without columns: not wanted.
    void likelihood_gradient(const layers::Values& values, Matrix<const float> z, Matrix<const float> x,
                             Matrix<const float> observed, std::span<double> out, Matrix<float> diff_z);

    /// The gradient by z of an objective of the decoded means (diff_z without columns: the objective alone is called).
    /// The objective may be called several times, for some rows each.
    void mean_gradient(const layers::Values& values, Matrix<const float> z, const MeanObjective& objective,
                       Matrix<float> diff_z);

    /// E[x | z = posterior mean of x_i] and E[x | z], [rows, dimensions].
    void reconstruct(const layers::Values& values, Matrix<const float> x, Matrix<float> out);
    void decode(const layers::Values& values, Matrix<const float> z, Matrix<float> out);

    /// out: [rows, dimensions], a draw of p(x | z) each, by the noise of its sample and this draw.
    void draw(const layers::Values& values, Matrix<const float> z, const Stream& noise,
              std::span<const std::uint64_t> samples, std::uint32_t number, Matrix<float> out);

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace elbo::model
