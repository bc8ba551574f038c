// What a Vae is made of: layers, likelihood, and where in the workspace their results stand. For the files that
// implement it alone.
#pragma once

#include "layers/dense.hpp"
#include "model/likelihood.hpp"
#include "model/vae.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace elbo::model {

struct Vae::Parts {
    std::size_t latent, dimensions, max_rows;
    Precision precision;
    layers::ParameterTable parameters;
    Workspace workspace;
    layers::Stack encoder;
    std::size_t heads_first; ///< offset from which on the heads' parameters stand
    layers::Dense heads;
    layers::Stack decoder;
    std::size_t output_first; ///< and the output layer's
    std::unique_ptr<layers::Layer> output;
    std::unique_ptr<Likelihood> likelihood;
    layers::Parameter output_bias;
    std::size_t heads_at, noise_at, z_at, diff_z_at, outputs_at;
    std::size_t x_at = 0, diff_heads_at = 0, diff_outputs_at = 0; ///< what in fp32 stands where it came from
    std::vector<double> reconstruction, kl;                       ///< a value a row
    std::vector<float> diff_mean;                                 ///< mean_gradient()'s, which training does not need

    Parts(const config::Model& settings, const Shape& sample_shape, std::size_t rows, Precision stored);

    layers::Building building(const char* path, const Shape& input) {
        return {parameters, workspace, max_rows, path, input, precision};
    }

    Matrix<float> piece(std::size_t offset, std::size_t rows, std::size_t columns) {
        return {workspace.at(offset), rows, columns};
    }

    /// A matrix as products read it: itself, or its rounded copy at a place of the workspace.
    ConstAnyMatrix rounded(Matrix<const float> matrix, std::size_t offset);

    /// Where the gradient by a matrix goes: into its own place, or to one of its own that is rounded.
    AnyMatrix gradient_of(Matrix<float> matrix, std::size_t offset);

    /// Throws std::logic_error where a batch is not the model's.
    void require(Matrix<const float> x, std::size_t rows) const;

    /// The posterior's heads of rows that fit the workspace, [rows, 2 * latent]: means, then raw log variances.
    Matrix<float> encode(const layers::Values& values, Matrix<const float> x);
    /// The likelihood's parameters for codes that fit the workspace.
    void decode(const layers::Values& values, Matrix<const float> z, Matrix<float> outputs);
    /// After decode(): from an objective's gradient by the outputs, which is used up, that by the codes.
    void backpropagate_to_codes(const layers::Values& values, Matrix<float> outputs, Matrix<float> diff_outputs,
                                Matrix<float> diff_z);
};

} // namespace elbo::model
