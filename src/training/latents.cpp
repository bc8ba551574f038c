#include "training/latents.hpp"

#include "data/plan.hpp"
#include "numerics/sums.hpp"

#include <algorithm>

namespace elbo::training {
namespace {

constexpr std::size_t figures = 3; ///< of a dimension: KL, mean, its square

std::size_t most_groups(std::size_t latent) {
    constexpr std::size_t usual = 1024, least = 64, usual_bytes = std::size_t{8} << 20;
    return std::clamp(usual_bytes / (figures * latent * sizeof(double)), least, usual);
}

std::uint64_t parts_of(std::uint64_t whole, std::uint64_t part) { return (whole + part - 1) / part; }

} // namespace

void BlockCodes::split(std::span<const double> codes, std::size_t rows) {
    rows_ = rows;
    values_.resize(codes.size());
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t d = 0; d < latent_; ++d) {
            values_[i * latent_ + d] = static_cast<float>(codes[2 * i * latent_ + d]);
            values_[(rows + i) * latent_ + d] = static_cast<float>(codes[(2 * i + 1) * latent_ + d]);
        }
}

void LatentMeans::keep(std::uint64_t first, Matrix<const float> means) {
    for (std::size_t i = 0; i < means.rows() && wants(first + i); ++i)
        for (std::size_t d = 0; d < latent_; ++d) // zeros become positive, as a sum with other ranks' zeros makes them
            values_[(first + i) * latent_ + d] = means(i, d) + 0.0F;
}

LatentSums::LatentSums(std::size_t latent, std::uint64_t blocks)
    : latent_(latent),
      blocks_(blocks),
      group_(std::max<std::uint64_t>(1, parts_of(blocks, most_groups(latent)))),
      sums_(parts_of(blocks, group_) * figures * latent) {}

std::size_t LatentSums::bytes(std::size_t latent) { return most_groups(latent) * figures * latent * sizeof(double); }

data::Range LatentSums::blocks_of(const comm::Communicator& world) const {
    const data::Range groups = data::shard_of({0, parts_of(blocks_, group_)}, static_cast<std::uint64_t>(world.rank()),
                                              static_cast<std::uint64_t>(world.size()));
    return {groups.begin * group_, std::min(blocks_, groups.end * group_)};
}

std::span<double> LatentSums::of_block(std::uint64_t block) {
    return std::span(sums_).subspan(block / group_ * figures * latent_, figures * latent_);
}

std::vector<model::LatentDimension> LatentSums::dimensions(const comm::Communicator& world, std::uint64_t samples) {
    world.sum(std::span(sums_)); // the others' are zeros, which change no bit
    const std::size_t groups = parts_of(blocks_, group_);
    std::vector<double> terms(groups);
    const auto mean_of = [&](std::size_t figure) {
        for (std::size_t group = 0; group < groups; ++group) terms[group] = sums_[group * figures * latent_ + figure];
        return tree_sum(terms) / static_cast<double>(samples);
    };
    std::vector<model::LatentDimension> dimensions;
    for (std::size_t d = 0; d < latent_; ++d) {
        const double mean = mean_of(latent_ + d);
        dimensions.push_back({mean_of(d), std::max(0.0, mean_of(2 * latent_ + d) - mean * mean)});
    }
    return dimensions;
}

} // namespace elbo::training
