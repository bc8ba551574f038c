// A keyed bijection on [0, N): a Feistel network with cycle walking (Black & Rogaway 2002, "Ciphers with arbitrary
// finite domains"), so that any place of a shuffled sequence costs the same and needs no memory.
#pragma once

#include "numerics/random.hpp"

#include <cstdint>

namespace elbo::data {

class Bijection {
public:
    /// size: N >= 1, below 2^40. Bijections of one stream differ by their two keys; key is below 2^29.
    Bijection(const Stream& stream, std::uint64_t size, std::uint64_t key = 0, std::uint64_t second_key = 0);

    /// What stands at a position in [0, N), and where a number in [0, N) stands.
    std::uint64_t at(std::uint64_t position) const;
    std::uint64_t position_of(std::uint64_t number) const;

private:
    std::uint64_t word(std::uint64_t half, std::uint32_t round) const;
    std::uint64_t permute(std::uint64_t number) const;
    std::uint64_t undo(std::uint64_t number) const;

    Stream stream_;
    std::uint64_t size_;
    std::uint32_t first_draw_, block_;
    unsigned left_bits_, right_bits_;
};

} // namespace elbo::data
