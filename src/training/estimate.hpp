// What a training will need, from its configuration and the data's header alone.
#pragma once

#include "comm/route.hpp"
#include "config/config.hpp"
#include "model/vae.hpp"
#include "training/data_memory.hpp"

#include <cstddef>

namespace elbo::training {

/// Bytes of memory on a node.
struct Memory {
    std::size_t nodes = 1, ranks = 1; ///< ranks: of each
    std::size_t values = 0;           ///< shared by the node's ranks, with their bf16 copy
    std::size_t data = 0;             ///< in their own types, shared, or rows that are read ahead
    bool data_whole = true;           ///< all of it is in memory
    std::size_t gradients = 0;        ///< of all ranks
    std::size_t messages = 0;         ///< gradients on their way between nodes, by the route below
    comm::Route route{};
    std::size_t optimizer = 0;  ///< divided among them
    std::size_t workspace = 0;  ///< of each rank: activations, their gradients, batches, validation
    std::size_t processes = 0;  ///< code and buffers of MPI, oneDNN and HDF5: measured
    std::size_t checkpoint = 0; ///< besides, of rank 0 while it saves

    std::size_t node() const {
        return values + data + gradients + messages + optimizer + ranks * workspace + processes;
    }
};

/// Nodes that a training takes, with as many ranks each; each rank has a virtual rank at least.
struct Machine {
    std::size_t nodes = 1, ranks = 1; ///< ranks: of a node
    std::size_t all() const { return nodes * ranks; }
};

/// Of the node with most. rows: of a virtual rank, for which the model was made.
Memory memory_of_a_node(const config::Config& config, const model::Vae& model, const Machine& machine, std::size_t rows,
                        const DataPlan& data);

/// How the first node would have the data, with as much memory as this host has now where data.memory
/// does not say.
DataPlan plan_of_a_node(const config::Config& config, const storage::DatasetInfo& train,
                        const std::optional<storage::DatasetInfo>& validation, const Machine& machine);

} // namespace elbo::training
