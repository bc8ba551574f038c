#include "data/order.hpp"

#include "base/error.hpp"

#include <bit>

namespace elbo::data {
namespace {

/// Even, so that the halves end where they began although they may differ by a bit.
constexpr std::uint32_t rounds = 8;

constexpr std::uint64_t low_bits(unsigned bits) { return (std::uint64_t{1} << bits) - 1; }

} // namespace

EpochOrder::EpochOrder(std::uint32_t seed, std::uint32_t epoch, std::uint64_t samples)
    : stream_{seed, Purpose::epoch_order, epoch}, samples_(samples) {
    if (samples == 0 || samples >> 40) fail("an epoch of {} samples: 1 to 2^40 - 1 are possible", samples);
    const auto bits = static_cast<unsigned>(std::bit_width(samples - 1));
    left_bits_ = bits / 2;
    right_bits_ = bits - left_bits_;
}

std::uint64_t EpochOrder::at(std::uint64_t position) const {
    std::uint64_t sample = permute(position);
    while (sample >= samples_) sample = permute(sample); // stays on a cycle that holds position, so it ends
    return sample;
}

std::uint64_t EpochOrder::permute(std::uint64_t number) const {
    unsigned left_bits = left_bits_, right_bits = right_bits_;
    std::uint64_t left = number >> right_bits, right = number & low_bits(right_bits);
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const std::uint64_t mixed = left ^ (random_words(stream_, right, round, 0)[0] & low_bits(left_bits));
        left = right;
        right = mixed;
        std::swap(left_bits, right_bits);
    }
    return left << right_bits | right;
}

} // namespace elbo::data
