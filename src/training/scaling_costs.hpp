// The constants of a step's cost, measured on the ranks that are there.
#pragma once

#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "training/scaling.hpp"

#include <optional>
#include <string>

namespace elbo::training {

struct MeasuredCosts {
    StepCosts costs;
    std::string model;                ///< its widths
    std::size_t ranks = 1, nodes = 1; ///< that measured it
    std::size_t node_ranks = 1;       ///< of the first node
    std::size_t node_cores = 1;       ///< that these ranks may use
    bool crowded = false;             ///< they share cores
    double rows = 1, fewer_rows = 1;  ///< of a rank, at which it was measured
    double seconds = 0;               ///< of a step with `rows`, without messages
    Precision precision = Precision::fp32;
    std::optional<comm::Network> network; ///< where there are several nodes
};

/// The same trainer as in training, with the rows of the configured batch and a quarter of them by turns, without
/// messages between nodes; medians over rounds. Collective.
MeasuredCosts measure_costs(const comm::Communicator& world, const config::Config& config, double seconds);

} // namespace elbo::training
