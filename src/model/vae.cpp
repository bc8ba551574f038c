// The variational autoencoder's passes. What they need lies in one workspace that is planned by the constructor.
#include "model/vae.hpp"

#include "model/ends.hpp"

#include "base/error.hpp"
#include "layers/dense.hpp"
#include "model/posterior.hpp"
#include "numerics/sums.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace elbo::model {

using layers::Building;
using layers::Dense;
using layers::NotFinite;
using layers::ParameterTable;
using layers::Stack;

Bound& Bound::operator+=(const Bound& other) {
    reconstruction += other.reconstruction;
    kl += other.kl;
    samples += other.samples;
    return *this;
}

namespace {

std::size_t checked_elements(const Shape& sample_shape) {
    const std::size_t count = elements(sample_shape);
    if (count == 0) reject("samples of shape {} have no elements to learn from", describe(sample_shape));
    return count;
}

std::unique_ptr<Likelihood> make_likelihood(const config::Settings& settings, ParameterTable& parameters) {
    for (const LikelihoodKind& kind : likelihood_kinds()) {
        if (kind.schema.name == settings.kind) {
            parameters.align();
            return kind.make(settings, parameters);
        }
    }
    throw std::logic_error("no likelihood is called " + settings.kind);
}

} // namespace

struct Vae::Parts {
    std::size_t latent, dimensions, max_rows;
    Precision precision;
    ParameterTable parameters;
    Workspace workspace;
    Stack encoder;
    std::size_t heads_first; ///< offset from which on the heads' parameters stand
    Dense heads;
    Stack decoder;
    std::size_t output_first; ///< and the output layer's
    std::unique_ptr<layers::Layer> output;
    std::unique_ptr<Likelihood> likelihood;
    layers::Parameter output_bias;
    std::size_t heads_at, noise_at, z_at, diff_z_at, outputs_at;
    std::size_t x_at = 0, diff_heads_at = 0, diff_outputs_at = 0; ///< what in fp32 stands where it came from
    std::vector<double> reconstruction, kl;                       ///< a value a row

    Parts(const config::Model& settings, const Shape& sample_shape, std::size_t rows, Precision stored)
        : latent(settings.latent),
          dimensions(checked_elements(sample_shape)),
          max_rows(rows),
          precision(stored),
          encoder(settings.encoder, building("encoder", sample_shape)),
          heads_first(parameters.size()),
          heads(make_heads(latent, building("encoder", encoder.output()))),
          decoder(settings.decoder, building("decoder", {latent})),
          output_first(parameters.size()),
          output(make_output(settings, dimensions, building("decoder/output", decoder.output()))),
          output_bias(parameters.all().back()),
          heads_at(workspace.plan(rows * 2 * latent)),
          noise_at(workspace.plan(rows * latent)),
          z_at(workspace.plan(rows * latent, precision)),
          diff_z_at(workspace.plan(rows * latent)),
          outputs_at(workspace.plan(rows * dimensions)),
          reconstruction(rows),
          kl(rows) {
        likelihood = make_likelihood(settings.likelihood, parameters);
        if (precision == Precision::fp32) return;
        x_at = workspace.plan(rows * dimensions, precision);
        diff_heads_at = workspace.plan(rows * 2 * latent, precision);
        diff_outputs_at = workspace.plan(rows * dimensions, precision);
    }

    Building building(const char* path, const Shape& input) {
        return {parameters, workspace, max_rows, path, input, precision};
    }

    Matrix<float> piece(std::size_t offset, std::size_t rows, std::size_t columns) {
        return {workspace.at(offset), rows, columns};
    }

    /// A matrix as products read it: itself, or its rounded copy at a place of the workspace.
    ConstAnyMatrix rounded(Matrix<const float> matrix, std::size_t offset) {
        if (precision == Precision::fp32) return matrix;
        const AnyMatrix rounded_copy = workspace.matrix(offset, precision, matrix.rows(), matrix.columns());
        copy(matrix, rounded_copy);
        return rounded_copy;
    }

    /// Where the gradient by a matrix goes: into its own place, or to one of its own that is rounded.
    AnyMatrix gradient_of(Matrix<float> matrix, std::size_t offset) {
        if (precision == Precision::fp32) return matrix;
        return workspace.matrix(offset, precision, matrix.rows(), matrix.columns());
    }

    void require(Matrix<const float> x, std::size_t rows) const {
        if (x.columns() != dimensions || rows > max_rows) {
            throw std::logic_error("a batch of " + std::to_string(rows) + " rows of " + std::to_string(x.columns()) +
                                   " for a model of " + std::to_string(max_rows) + " rows of " +
                                   std::to_string(dimensions) + " at most");
        }
    }
};

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

Bound Vae::evaluate(const layers::Values& values, const Batch& batch, const Stream& noise) {
    Parts& p = *parts_;
    const std::size_t rows = batch.samples.size();
    if (rows == 0) return {};
    const Forward f = forward(p, values, batch, noise);
    p.likelihood->evaluate(values.exact, f.outputs, batch.x.first_rows(rows), 1, p.reconstruction, {}, {});
    return bound(p, rows);
}

namespace {

/// The first row's term that is not finite.
std::optional<NotFinite> find_not_finite(const std::string& place, std::span<const double> terms) {
    for (std::size_t i = 0; i < terms.size(); ++i) {
        if (!std::isfinite(terms[i])) return NotFinite{place, i, static_cast<float>(terms[i])};
    }
    return std::nullopt;
}

/// Outputs may have given way to their gradient, so they are computed once more.
template <class Parts>
std::optional<NotFinite> find_in_outputs(Parts& p, const layers::Values& values, std::size_t rows) {
    std::vector<float> room(rows * p.dimensions);
    const Matrix<float> outputs(room.data(), rows, p.dimensions);
    p.output->forward(values, p.decoder.last_output(), outputs);
    return layers::find_not_finite("decoder/output", outputs);
}

} // namespace

std::string Vae::first_not_finite(const layers::Values& values, const Batch& batch) const {
    Parts& p = *parts_;
    const auto find = [](const char* place, ConstAnyMatrix m) { return layers::find_not_finite(place, m); };
    for (const layers::Parameter& parameter : p.parameters.all()) {
        const auto found = find("", {values.exact.data() + parameter.offset, 1, parameter.size});
        if (found) return fmt::format("the parameter {} holds {}", parameter.path, describe_value(*found));
    }
    const std::size_t rows = batch.samples.size();
    if (rows == 0) return {};
    const Matrix<const float> heads = p.piece(p.heads_at, rows, 2 * p.latent);
    auto found = find("x", batch.x.first_rows(rows));
    if (!found) found = p.encoder.first_not_finite();
    if (!found) found = find("encoder/mean", heads.some_columns(0, p.latent));
    if (!found) found = find("encoder/log_variance", heads.some_columns(p.latent, p.latent));
    if (!found) found = find_not_finite("the KL divergence", std::span(p.kl).first(rows));
    if (!found) found = p.decoder.first_not_finite();
    if (!found) found = find_in_outputs(p, values, rows);
    if (!found) found = find_not_finite("the log-likelihood", std::span(p.reconstruction).first(rows));
    if (!found) return {};
    const bool layer = found->place.find('/') != std::string::npos;
    return fmt::format("{} {} {} for sample {}", found->place, layer ? "gives" : "is", describe_value(*found),
                       batch.samples[found->row]);
}

std::string Vae::first_not_finite_gradient(std::span<const float> gradients,
                                           const std::function<bool(std::size_t element)>& leave_out) const {
    // Parameters are added in the order of the forward pass.
    const std::span<const layers::Parameter> all = parts_->parameters.all();
    for (auto parameter = all.rbegin(); parameter != all.rend(); ++parameter) {
        for (std::size_t i = parameter->offset; i < parameter->offset + parameter->size; ++i) {
            if (!std::isfinite(gradients[i]) && !(leave_out && leave_out(i))) return parameter->path;
        }
    }
    return {};
}

void Vae::reconstruct(const layers::Values& values, Matrix<const float> x, Matrix<float> out) {
    Parts& p = *parts_;
    for (std::size_t begin = 0; begin < x.rows(); begin += p.max_rows) {
        const std::size_t rows = std::min(p.max_rows, x.rows() - begin);
        const Matrix<const float> some_x = x.some_rows(begin, rows);
        p.require(some_x, rows);
        const Matrix<float> heads = p.piece(p.heads_at, rows, 2 * p.latent);
        p.heads.forward(values, p.encoder.forward(values, p.rounded(some_x, p.x_at)), heads);
        decode(values, heads.some_columns(0, p.latent), out.some_rows(begin, rows));
    }
}

void Vae::decode(const layers::Values& values, Matrix<const float> z, Matrix<float> out) {
    Parts& p = *parts_;
    for (std::size_t begin = 0; begin < z.rows(); begin += p.max_rows) {
        const std::size_t rows = std::min(p.max_rows, z.rows() - begin);
        const Matrix<float> some_out = out.some_rows(begin, rows);
        const ConstAnyMatrix some_z = p.rounded(z.some_rows(begin, rows), p.z_at);
        p.output->forward(values, p.decoder.forward(values, some_z), some_out);
        p.likelihood->mean(some_out);
    }
}

} // namespace elbo::model
