// What a trained model finds out about the codes of samples, p(z | x): by ways of a table, each of which gives means,
// variances and draws.
#pragma once

#include "model/vae.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace elbo::model {

struct InferenceOptions {
    std::size_t draws = 1;        ///< of z that are handed out, a sample
    std::size_t candidates = 100; ///< of the encoder's posterior that ways with weights choose from; a chain's moves
    std::uint32_t seed = 0;
};

/// What is found out about the codes of some rows.
struct Codes {
    Matrix<float> mean, log_variance; ///< [rows, latent]
    Matrix<float> z;                  ///< [rows, draws * latent]
    std::span<double> figure;         ///< a value a row, of ways that have one
};

class Inference {
public:
    virtual ~Inference() = default;
    /// Overwrites what `out` views, with the noise of the samples' numbers.
    virtual void infer(const layers::Values& values, const Batch& batch, const Codes& out) = 0;
};

struct InferenceKind {
    std::string_view name, meaning;
    std::string_view figure; ///< what the way says of itself for each sample, as files name it; "" where nothing
    /// For batches of at most max_rows rows. The model, whose passes take as many, outlives it.
    std::unique_ptr<Inference> (*make)(Vae& model, std::size_t max_rows, const InferenceOptions& options);
};

std::span<const InferenceKind> inference_kinds();

} // namespace elbo::model
