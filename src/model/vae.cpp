// The variational autoencoder's passes in training and validation. What they need lies in one workspace that is planned
// by the constructor.
#include "model/vae.hpp"

#include "model/posterior.hpp"
#include "model/vae_parts.hpp"
#include "numerics/sums.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace elbo::model {

using layers::ParameterTable;

Bound& Bound::operator+=(const Bound& other) {
    reconstruction += other.reconstruction;
    kl += other.kl;
    samples += other.samples;
    return *this;
}

Vae::Vae(const config::Model& settings, const Shape& sample_shape, std::size_t max_rows, Precision precision)
    : parts_(std::make_unique<Parts>(settings, sample_shape, max_rows, precision)) {}

Vae::~Vae() = default;

const ParameterTable& Vae::parameters() const { return parts_->parameters; }
Precision Vae::precision() const { return parts_->precision; }
std::size_t Vae::latent() const { return parts_->latent; }
std::size_t Vae::dimensions() const { return parts_->dimensions; }

std::vector<layers::NamedShape> Vae::encoder_shapes() const {
    const std::span<const layers::NamedShape> shapes = parts_->encoder.shapes();
    return {shapes.begin(), shapes.end()};
}

std::vector<layers::NamedShape> Vae::decoder_shapes() const {
    const std::span<const layers::NamedShape> shapes = parts_->decoder.shapes();
    std::vector<layers::NamedShape> all(shapes.begin(), shapes.end());
    all.push_back({"output", parts_->output->output()});
    return all;
}

std::size_t Vae::workspace_bytes() const {
    return parts_->workspace.planned_bytes() + 2 * parts_->max_rows * sizeof(double);
}

double Vae::flops_per_sample() const {
    const Parts& p = *parts_;
    const double forward = p.encoder.flops_per_sample() + p.heads.flops_per_sample() + p.decoder.flops_per_sample() +
                           p.output->flops_per_sample();
    const double first = p.encoder.empty() ? p.heads.flops_per_sample() : p.encoder.first_layer_flops();
    return 3 * forward - first;
}

std::pair<double, double> Vae::support() const { return parts_->likelihood->support(); }

void Vae::allocate() { parts_->workspace.allocate(); }

void Vae::initialise(std::uint32_t seed, std::span<const double> data_mean, std::span<float> values) const {
    const Parts& p = *parts_;
    if (data_mean.size() != p.dimensions) throw std::logic_error("initialise: not a mean for each dimension");
    p.parameters.initialise(seed, values);
    // A bias for each element, or one for each channel of all pixels.
    const std::span<float> bias = values.subspan(p.output_bias.offset, p.output_bias.size);
    const std::size_t pixels = p.dimensions / bias.size();
    for (std::size_t channel = 0; channel < bias.size(); ++channel) {
        double mean = 0;
        for (std::size_t i = channel; i < p.dimensions; i += bias.size()) mean += data_mean[i];
        bias[channel] = p.likelihood->bias_for_mean(mean / static_cast<double>(pixels));
    }
}

namespace {

/// What a forward pass leaves behind for the backward pass.
struct Forward {
    ConstAnyMatrix hidden; ///< the encoder's output
    Matrix<float> heads, noise;
    ConstAnyMatrix decoded; ///< the decoder's last hidden layer
    Matrix<float> outputs;
};

template <class Parts>
Forward forward(Parts& p, const layers::Pass& pass, const Batch& batch, const Stream& noise) {
    const std::size_t rows = batch.samples.size();
    p.require(batch.x, rows);
    Forward f;
    f.hidden = p.encoder.forward(pass, p.rounded(batch.x.first_rows(rows), p.x_at));
    f.heads = p.piece(p.heads_at, rows, 2 * p.latent);
    p.heads.forward(pass, f.hidden, f.heads);
    f.noise = p.piece(p.noise_at, rows, p.latent);
    fill_normal_rows(noise, batch.samples, 0, f.noise);
    const AnyMatrix z = p.workspace.matrix(p.z_at, p.precision, rows, p.latent);
    sample_posterior(f.heads, f.noise, z, p.kl);
    f.decoded = p.decoder.forward(pass, z);
    f.outputs = p.piece(p.outputs_at, rows, p.dimensions);
    p.output->forward(pass, f.decoded, f.outputs);
    return f;
}

template <class Parts>
Bound bound(const Parts& p, std::size_t rows) {
    return {tree_sum(std::span(p.reconstruction).first(rows)), tree_sum(std::span(p.kl).first(rows)), rows};
}

} // namespace

Bound Vae::gradient(const layers::Values& values, const Batch& batch, const Stream& noise, double beta, double scale,
                    std::span<float> gradients, const layers::FinalFrom& final_from, const ForwardDone& forward_done) {
    Parts& p = *parts_;
    const std::size_t rows = batch.samples.size();
    if (rows == 0) {
        std::ranges::fill(gradients, 0.0f);
        if (forward_done) forward_done({});
        return {};
    }
    p.parameters.clear_gaps(gradients);
    const layers::Pass pass(values, layers::Noise{{noise.seed, Purpose::dropout, noise.epoch}, batch.samples});
    const Forward f = forward(p, pass, batch, noise);
    const Matrix<const float> x = batch.x.first_rows(rows);

    // From here on, gradients take the place of what they are the gradients of, unless they are rounded.
    const AnyMatrix diff_outputs = p.gradient_of(f.outputs, p.diff_outputs_at);
    p.likelihood->evaluate(values.exact, f.outputs, x, static_cast<float>(scale), p.reconstruction, diff_outputs,
                           gradients);
    const Bound result = bound(p, rows);
    if (forward_done) forward_done(result);
    p.output->backward(pass, f.decoded, f.outputs, diff_outputs, p.decoder.diff_output(), gradients, final_from);
    final_from(p.output_first);
    const Matrix<float> diff_z = p.piece(p.diff_z_at, rows, p.latent);
    p.decoder.backward(pass, diff_z, gradients, final_from);

    const AnyMatrix diff_heads = p.gradient_of(f.heads, p.diff_heads_at);
    backpropagate_posterior(f.heads, f.noise, diff_z, static_cast<float>(scale * beta), diff_heads);
    const AnyMatrix diff_hidden = p.encoder.empty() ? AnyMatrix() : p.encoder.diff_output();
    p.heads.backward(pass, f.hidden, f.heads, diff_heads, diff_hidden, gradients, final_from);
    final_from(p.heads_first);
    p.encoder.backward(pass, {}, gradients, final_from);
    return result;
}

Bound Vae::evaluate(const layers::Values& values, const Batch& batch, const Stream& noise, std::span<double> latents) {
    Parts& p = *parts_;
    const std::size_t rows = batch.samples.size();
    if (rows == 0) return {};
    const Forward f = forward(p, values, batch, noise);
    p.likelihood->evaluate(values.exact, f.outputs, batch.x.first_rows(rows), 1, p.reconstruction, {}, {});
    if (!latents.empty()) {
        const std::size_t sums = 3 * p.latent;
        add_latents(f.heads, latents.first(sums));
        if (latents.size() > sums) copy_codes(f.heads, latents.subspan(sums)); // rooms for codes stand behind the sums
    }
    return bound(p, rows);
}

} // namespace elbo::model
