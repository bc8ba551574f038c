// data.transform for a training's datasets: its steps, and the figures of the training samples that some go by.
#pragma once

#include "data/statistics.hpp"
#include "training/inputs.hpp"

#include <functional>

namespace elbo::training {

/// What becomes of samples of a shape. Throws InputError where a step does not fit.
Shape transformed(const config::Data& settings, const Shape& sample);

/// Reads what is stored of the training samples' values.
using StoredMoments = std::function<data::Moments()>;

/// Has the datasets go through the configured steps from now on. Where one standardises, it goes by what is stored, if
/// that is asked for and there is a file that could have it; else all ranks go through the training samples once, each
/// a part. The figures are kept in the inputs. Collective.
void transform_inputs(const comm::Communicator& world, const config::Config& config, Inputs& inputs,
                      const StoredMoments& stored = {});

/// The same of another dataset alone, of samples as the training ones are stored, by the figures that a training kept.
/// Where there are none, train() gives the training samples that a step standardises by, unless it goes by what is
/// stored. Collective.
void transform_dataset(const comm::Communicator& world, const config::Config& config, data::Dataset& dataset,
                       const std::optional<data::Moments>& figures, const StoredMoments& stored,
                       const std::function<data::Dataset()>& train);

} // namespace elbo::training
