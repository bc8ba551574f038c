// What validation finds of each latent dimension: sums over blocks of samples, the same whoever computes which block.
#pragma once

#include "comm/communicator.hpp"
#include "data/order.hpp"
#include "model/evaluation.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elbo::training {

/// Sums of groups of blocks. A group is one rank's, so that its sum is formed in one order, and there are few enough
/// groups for all ranks to have their sums.
class LatentSums {
public:
    LatentSums(std::size_t latent, std::uint64_t blocks);

    /// At most, of any number of blocks.
    static std::size_t bytes(std::size_t latent);

    /// The blocks that a rank computes: whole groups.
    data::Range blocks_of(const comm::Communicator& world) const;
    /// Where to add what a block's rows sum to, as model::add_latents() does.
    std::span<double> of_block(std::uint64_t block);

    /// Of all ranks' samples. Collective.
    std::vector<model::LatentDimension> dimensions(const comm::Communicator& world, std::uint64_t samples);

private:
    std::size_t latent_;
    std::uint64_t blocks_, group_; ///< group_: blocks of one
    std::vector<double> sums_;     ///< [groups, 3 * latent]
};

} // namespace elbo::training
