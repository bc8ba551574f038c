// The layers at which encoder and decoder end: the posterior's heads, and what gives the likelihood's parameters.
#pragma once

#include "layers/dense.hpp"

namespace elbo::model {

/// The heads of the posterior: mean and raw log variance by one product. The variance begins near the prior's for every
/// sample, however large the data's numbers are.
layers::Dense make_heads(std::size_t latent, const layers::Building& building);

/// The layer that gives the likelihood's parameters, dense unless model.output says otherwise. They begin near the
/// data's mean, which the bias gives: on MNIST that is worth 2 nats after the first epoch, and nothing after the
/// twentieth. Throws InputError where it does not give so many outputs.
std::unique_ptr<layers::Layer> make_output(const config::Model& model, std::size_t outputs, layers::Building building);

} // namespace elbo::model
