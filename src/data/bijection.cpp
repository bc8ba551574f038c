#include "data/bijection.hpp"

#include "base/error.hpp"

#include <bit>
#include <utility>

namespace elbo::data {
namespace {

/// Even, so that the halves end where they began although they may differ by a bit.
constexpr std::uint32_t rounds = 8;

constexpr std::uint64_t low_bits(unsigned bits) { return (std::uint64_t{1} << bits) - 1; }

} // namespace

Bijection::Bijection(const Stream& stream, std::uint64_t size, std::uint64_t key, std::uint64_t second_key)
    : stream_(stream),
      size_(size),
      first_draw_(static_cast<std::uint32_t>(key) * rounds),
      block_(static_cast<std::uint32_t>(second_key)) {
    if (size == 0 || size >> 40) fail("an order of {} numbers: 1 to 2^40 - 1 are possible", size);
    const auto bits = static_cast<unsigned>(std::bit_width(size - 1));
    left_bits_ = bits / 2;
    right_bits_ = bits - left_bits_;
}

std::uint64_t Bijection::at(std::uint64_t position) const {
    std::uint64_t number = permute(position);
    while (number >= size_) number = permute(number); // stays on a cycle that holds position, so it ends
    return number;
}

std::uint64_t Bijection::position_of(std::uint64_t number) const {
    std::uint64_t position = undo(number);
    while (position >= size_) position = undo(position);
    return position;
}

std::uint64_t Bijection::word(std::uint64_t half, std::uint32_t round) const {
    return random_words(stream_, half, first_draw_ + round, block_)[0];
}

std::uint64_t Bijection::permute(std::uint64_t number) const {
    unsigned left_bits = left_bits_, right_bits = right_bits_;
    std::uint64_t left = number >> right_bits, right = number & low_bits(right_bits);
    for (std::uint32_t round = 0; round < rounds; ++round) {
        const std::uint64_t mixed = left ^ (word(right, round) & low_bits(left_bits));
        left = right;
        right = mixed;
        std::swap(left_bits, right_bits);
    }
    return left << right_bits | right;
}

std::uint64_t Bijection::undo(std::uint64_t number) const {
    unsigned left_bits = left_bits_, right_bits = right_bits_;
    std::uint64_t left = number >> right_bits, right = number & low_bits(right_bits);
    for (std::uint32_t round = rounds; round-- > 0;) {
        std::swap(left_bits, right_bits);
        const std::uint64_t before = right ^ (word(left, round) & low_bits(left_bits));
        right = left;
        left = before;
    }
    return left << right_bits | right;
}

} // namespace elbo::data
