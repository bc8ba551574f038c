// The windowed order of an epoch. Blocks of neighbouring samples are shuffled; the sequence of samples that this gives
// is cut into contiguous pieces, one a virtual rank; each goes through its piece window by window, shuffled within a
// window. So a window is read in a few long stretches, and all of them together are the file once.
#pragma once

#include "data/bijection.hpp"
#include "data/plan.hpp"

#include <cstdint>

namespace elbo::data {

/// What the order of epochs follows from, besides seed and epoch.
struct Ordering {
    std::uint64_t samples = 1;
    std::uint64_t block = 0, window = 0; ///< samples; block 0: the order is full
    /// A piece holds as many samples as the shards of its virtual rank do over all batches of an epoch.
    std::uint64_t batch = 1, pieces = 1;

    bool windowed() const { return block > 0; }

    /// Samples of a piece in a full batch.
    std::uint64_t share(std::uint64_t number) const { return shard_of({0, batch}, number, pieces).size(); }
    /// Places of the shuffled sequence that are a piece's.
    Range piece(std::uint64_t number) const {
        const std::uint64_t full = samples / batch, last = samples % batch;
        const auto edge = [&](std::uint64_t i) { return full * (batch * i / pieces) + last * i / pieces; };
        return {edge(number), edge(number + 1)};
    }
    /// Windows of a piece; its last one may be short.
    std::uint64_t windows(std::uint64_t number) const { return (piece(number).size() + window - 1) / window; }

    friend bool operator==(const Ordering&, const Ordering&) = default;
};

/// Of the turns of any rank.
inline Ordering ordering_of(const Turns& turns) {
    return {turns.samples, turns.block, turns.window, turns.batch, turns.shards};
}

class Windows {
public:
    /// Of an ordering that is windowed.
    Windows(std::uint32_t seed, std::uint32_t epoch, const Ordering& ordering);

    /// A position of the epoch, as its piece sees it.
    struct Spot {
        std::uint64_t piece, window; ///< of the piece
        std::uint64_t place;         ///< in the window, shuffled
    };
    Spot spot(std::uint64_t position) const;

    /// Places of the sequence that are a window's.
    Range window(std::uint64_t piece, std::uint64_t number) const;
    /// The bijection within it.
    Bijection shuffle(std::uint64_t piece, std::uint64_t number) const {
        return {within_, window(piece, number).size(), piece, number};
    }

    /// A slot holds a block: its places, and the block's first sample.
    std::uint64_t slot_of(std::uint64_t place) const;
    Range places(std::uint64_t slot) const;
    std::uint64_t first_sample(std::uint64_t slot) const { return blocks_.at(slot) * ordering_.block; }

    std::uint64_t sample_at(std::uint64_t position) const;

private:
    Ordering ordering_;
    Stream within_;             ///< of bijections within windows
    Bijection blocks_;          ///< the block in a slot
    std::uint64_t short_slot_;  ///< of the last block, which may be
    std::uint64_t missing_ = 0; ///< so many samples short
};

} // namespace elbo::data
