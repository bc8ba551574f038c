// The order of an epoch as a function: a keyed bijection on [0, N) (Feistel network with cycle walking: Black & Rogaway
// 2002, "Ciphers with arbitrary finite domains"), so that any position costs the same and needs no memory.
#pragma once

#include "numerics/random.hpp"

#include <cstdint>

namespace elbo::data {

class EpochOrder {
public:
    /// samples: N >= 1, below 2^40.
    EpochOrder(std::uint32_t seed, std::uint32_t epoch, std::uint64_t samples);
    /// The sample at a position in [0, N).
    std::uint64_t at(std::uint64_t position) const;

private:
    std::uint64_t permute(std::uint64_t number) const;

    Stream stream_;
    std::uint64_t samples_;
    unsigned left_bits_, right_bits_;
};

} // namespace elbo::data
