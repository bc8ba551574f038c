#include "model/vae_parts.hpp"

#include "base/error.hpp"
#include "model/ends.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace elbo::model {

using layers::ParameterTable;

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

Vae::Parts::Parts(const config::Model& settings, const Shape& sample_shape, std::size_t rows, Precision stored)
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

ConstAnyMatrix Vae::Parts::rounded(Matrix<const float> matrix, std::size_t offset) {
    if (precision == Precision::fp32) return matrix;
    const AnyMatrix rounded_copy = workspace.matrix(offset, precision, matrix.rows(), matrix.columns());
    copy(matrix, rounded_copy);
    return rounded_copy;
}

AnyMatrix Vae::Parts::gradient_of(Matrix<float> matrix, std::size_t offset) {
    if (precision == Precision::fp32) return matrix;
    return workspace.matrix(offset, precision, matrix.rows(), matrix.columns());
}

void Vae::Parts::require(Matrix<const float> x, std::size_t rows) const {
    if (x.columns() == dimensions && rows <= max_rows) return;
    throw std::logic_error(fmt::format("a batch of {} rows of {} for a model of {} rows of {} at most", rows,
                                       x.columns(), max_rows, dimensions));
}

Matrix<float> Vae::Parts::encode(const layers::Values& values, Matrix<const float> x) {
    require(x, x.rows());
    const Matrix<float> found = piece(heads_at, x.rows(), 2 * latent);
    heads.forward(values, encoder.forward(values, rounded(x, x_at)), found);
    return found;
}

void Vae::Parts::decode(const layers::Values& values, Matrix<const float> z, Matrix<float> outputs) {
    output->forward(values, decoder.forward(values, rounded(z, z_at)), outputs);
}

void Vae::Parts::backpropagate_to_codes(const layers::Values& values, Matrix<float> outputs, Matrix<float> diff_outputs,
                                        Matrix<float> diff_z) {
    const auto nothing = [](std::size_t) {};
    const AnyMatrix diff = gradient_of(diff_outputs, diff_outputs_at);
    if (precision != Precision::fp32) copy(diff_outputs, diff);
    output->backward(values, decoder.last_output(), outputs, diff, decoder.diff_output(), {}, nothing);
    decoder.backward(values, diff_z, {}, nothing);
}

} // namespace elbo::model
