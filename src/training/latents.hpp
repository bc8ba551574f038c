// What validation finds of each latent dimension: sums over blocks of samples, the same whoever computes which block.
#pragma once

#include "comm/communicator.hpp"
#include "data/order.hpp"
#include "model/evaluation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace elbo::training {

/// Posterior means of a dataset's first samples, gathered while a pass evaluates the blocks that they are in.
class LatentMeans {
public:
    static constexpr std::uint64_t most = 2000;

    LatentMeans(std::size_t latent, std::uint64_t samples)
        : latent_(latent), values_(std::min(samples, most) * latent) {}

    static std::size_t bytes(std::size_t latent) { return 2 * most * latent * sizeof(float); }

    /// pass(latents) with the sums of a block whose rows are samples from `first` on, so many of them; takes the means
    /// of those that are kept.
    template <class Pass>
    void take(std::uint64_t first, std::size_t rows, std::span<double> sums, Pass&& pass) {
        const std::size_t place = first * latent_;
        if (place >= values_.size()) return pass(sums);
        room_.assign(sums.begin(), sums.end());
        room_.resize(sums.size() + rows * latent_);
        pass(std::span(room_));
        std::copy_n(room_.begin(), sums.size(), sums.begin());
        const std::size_t kept = std::min(rows * latent_, values_.size() - place);
        // Zeros are made positive: a sum with other ranks' zeros does so.
        for (std::size_t i = 0; i < kept; ++i) values_[place + i] = static_cast<float>(room_[sums.size() + i]) + 0.0F;
    }

    /// [samples, latent], zeros where another rank has them.
    std::vector<float> values() && { return std::move(values_); }

private:
    std::size_t latent_;
    std::vector<float> values_;
    std::vector<double> room_;
};

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
