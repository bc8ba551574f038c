// The picture after an epoch: inputs over their reconstructions, and samples from the prior.
#pragma once

#include "data/loader.hpp"
#include "model/vae.hpp"

#include <cstdint>
#include <filesystem>
#include <span>

namespace elbo::training {

/// Writes the grid as PNG. Uses the model up to max_rows rows at a time.
void draw_samples(model::Vae& model, const layers::Values& values, const data::Dataset& dataset, data::Loader& loader,
                  std::size_t max_rows, std::uint32_t seed, const std::filesystem::path& png);

} // namespace elbo::training
