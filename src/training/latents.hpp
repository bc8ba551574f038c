// What validation finds of each latent dimension: sums over blocks of samples, the same whoever computes which block.
#pragma once

#include "comm/communicator.hpp"
#include "data/order.hpp"
#include "model/evaluation.hpp"
#include "numerics/view.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace elbo::training {

/// Posteriors of a block's rows, which its evaluation comes by.
class BlockCodes {
public:
    explicit BlockCodes(std::size_t latent) : latent_(latent) {}

    static std::size_t bytes(std::size_t latent, std::size_t rows) {
        return 2 * latent * rows * (sizeof(double) + sizeof(float));
    }

    /// pass(latents) evaluates so many rows, and adds their sums to these.
    template <class Pass>
    void take(std::size_t rows, std::span<double> sums, Pass&& pass) {
        room_.assign(sums.begin(), sums.end());
        room_.resize(sums.size() + 2 * rows * latent_);
        pass(std::span(room_));
        std::copy_n(room_.begin(), sums.size(), sums.begin());
        split(std::span<const double>(room_).subspan(sums.size()), rows);
    }

    /// Of the rows taken last, [rows, latent] each.
    Matrix<const float> means() const { return {values_.data(), rows_, latent_}; }
    Matrix<const float> log_variances() const { return {values_.data() + values_.size() / 2, rows_, latent_}; }

private:
    void split(std::span<const double> codes, std::size_t rows);

    std::size_t latent_, rows_ = 0;
    std::vector<double> room_;
    std::vector<float> values_; ///< means, then log variances
};

/// Posterior means of a dataset's first samples, gathered while a pass evaluates the blocks that they are in.
class LatentMeans {
public:
    static constexpr std::uint64_t most = 2000;

    LatentMeans(std::size_t latent, std::uint64_t samples)
        : latent_(latent), values_(std::min(samples, most) * latent) {}

    static std::size_t bytes(std::size_t latent) { return most * latent * sizeof(float); }

    bool wants(std::uint64_t sample) const { return sample * latent_ < values_.size(); }
    /// means: of samples from `first` on, [rows, latent]; those that are wanted are kept.
    void keep(std::uint64_t first, Matrix<const float> means);

    /// [samples, latent], zeros where another rank has them.
    std::vector<float> values() && { return std::move(values_); }

private:
    std::size_t latent_;
    std::vector<float> values_;
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
