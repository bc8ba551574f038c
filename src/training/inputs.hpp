// What a training reads: its datasets, checked against each other and the configuration, and what all ranks must agree
// in.
#pragma once

#include "comm/nodes.hpp"
#include "config/config.hpp"
#include "data/dataset.hpp"
#include "data/loader.hpp"

#include <optional>
#include <utility>

namespace elbo::training {

/// make() on every rank, with errors that all agree on.
template <class Make>
auto agreed(const comm::Communicator& world, Make&& make) {
    std::optional<decltype(make())> made;
    world.together([&] { made.emplace(make()); });
    return std::move(*made);
}

/// The training data, read by the first rank of each node into memory that the node's ranks share. Collective.
data::Dataset load_train(const comm::Nodes& nodes, const config::Data& settings);

/// The validation data, or none where none is configured; samples of the training data's shape. Collective.
std::optional<data::Dataset> load_validation(const comm::Nodes& nodes, const config::Data& settings,
                                             const data::Dataset& train);

data::Binarize binarize_of(const config::Data& settings);

/// Throws InputError where the data has values that the likelihood does not take.
void refuse_outside(const data::Dataset& dataset, std::pair<double, double> support, const config::Config& config);

/// Throws AgreedError where ranks run another program, or one that computes with other kernels. Collective.
void require_same_program(const comm::Communicator& world);

} // namespace elbo::training
