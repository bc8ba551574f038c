// Codes by Markov chains on p(z | x), a chain a sample.
#pragma once

#include "model/inference.hpp"

namespace elbo::model {

/// Chains begin at a draw of the encoder's posterior. `candidates` moves of Hamiltonian Monte Carlo follow those in
/// which the steps' lengths adapt; means and variances are over them, draws are from them at equal distances.
std::unique_ptr<Inference> make_chain_inference(Vae& model, std::size_t max_rows, const InferenceOptions& options);

} // namespace elbo::model
