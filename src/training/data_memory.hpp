// How a node has the data of a training: whole in memory that its ranks share, or rows read ahead of their turn. It is
// decided from data.memory and the datasets' headers alone, and shows in no figure that is computed.
#pragma once

#include "config/config.hpp"
#include "data/plan.hpp"
#include "storage/dataset.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace elbo::training {

/// Memory of a node, bytes.
struct DataPlan {
    std::size_t memory = 0; ///< that data may take
    bool train_in_memory = true, validation_in_memory = true;
    std::size_t train = 0;      ///< whole, or what is read ahead for all of the node's ranks
    std::size_t validation = 0; ///< the same
    std::size_t bytes() const { return train + validation; }
};

/// What a training goes by: its shards in batches, and who on a node computes which of them.
struct Division {
    std::uint64_t batch = 1, virtual_ranks = 1;
    std::vector<data::Range> ranks; ///< virtual ranks of each rank of the node
};

/// data.memory, or half of what is free on this host, divided by so many that share it.
std::size_t memory_for_data(const config::Data& settings, std::size_t sharing);

/// Turns of a rank with these virtual ranks, in the order that is configured.
data::Turns turns_of(const config::Config& config, const storage::DatasetInfo& train, const Division& division,
                     data::Range mine);

/// Throws InputError naming keys and numbers where not even the windows have room in `memory`.
DataPlan plan_data(const config::Config& config, const storage::DatasetInfo& train,
                   const std::optional<storage::DatasetInfo>& validation, const Division& division, std::size_t memory);

} // namespace elbo::training
