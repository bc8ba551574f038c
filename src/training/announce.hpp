// What a training says of itself before its first step.
#pragma once

#include "training/start.hpp"

#include <string>

namespace elbo::training {

/// The lines at a training's start, and its event. Collective.
void announce(const comm::Communicator& world, const config::Config& config, const Start& start, const Taken& taken,
              const Trainer& trainer, report::Terminal& terminal, Monitor& monitor);

/// "400-400-20-400-400": widths of the encoder, the code and the decoder.
std::string describe_layers(const config::Model& model);

/// "VAE 784-400-400-20-400-400-784": widths from input to output, through the code.
std::string describe_model(const config::Config& config, const model::Vae& model);

} // namespace elbo::training
