// The order of an epoch as a function of the position in it: full, a bijection on all samples; or windowed, for files
// larger than memory: a bijection on blocks of samples, and one within each window of them.
#pragma once

#include "data/bijection.hpp"
#include "data/windows.hpp"

#include <cstdint>
#include <optional>

namespace elbo::data {

/// At any position of the epoch it costs the same, and needs no memory.
class EpochOrder {
public:
    /// full: samples N >= 1, below 2^40.
    EpochOrder(std::uint32_t seed, std::uint32_t epoch, std::uint64_t samples);
    /// As the ordering has it: full or windowed.
    EpochOrder(std::uint32_t seed, std::uint32_t epoch, const Ordering& ordering);

    /// The sample at a position in [0, N).
    std::uint64_t at(std::uint64_t position) const {
        return windows_ ? windows_->sample_at(position) : samples_.at(position);
    }

private:
    Bijection samples_;
    std::optional<Windows> windows_;
};

} // namespace elbo::data
