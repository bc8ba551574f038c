// The parts of a dataset's KL, from samples evenly over it, by all ranks.
#pragma once

#include "comm/communicator.hpp"
#include "model/aggregate.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace elbo::commands {

class KlSplitting {
public:
    KlSplitting(std::uint64_t samples, std::size_t latent);

    std::size_t samples() const { return kept_; }
    /// Posteriors, [rows, latent], of samples that follow those of the last call. On rank 0.
    void add(Matrix<const float> mean, Matrix<const float> log_variance);
    /// After all samples. seed: of the draws, each sample's first of `evaluate`. Collective; rank 0's is the result.
    model::KlSplit split(const comm::Communicator& world, std::uint32_t seed);

private:
    std::uint64_t number_of(std::size_t kept) const { return static_cast<std::uint64_t>(kept) * all_ / kept_; }
    Matrix<float> mean() { return {codes_.data(), kept_, latent_}; }
    Matrix<float> log_variance() { return {codes_.data() + kept_ * latent_, kept_, latent_}; }

    std::uint64_t all_, seen_ = 0;
    std::size_t latent_, kept_, taken_ = 0;
    std::vector<float> codes_; ///< means of those kept, then their log variances
};

} // namespace elbo::commands
