// How an epoch is cut into global batches, and a batch into the shards of its ranks: every sample exactly once.
#pragma once

#include <cstdint>

namespace elbo::data {

/// Positions [begin, end) of an epoch's order.
struct Range {
    std::uint64_t begin = 0, end = 0;
    constexpr std::uint64_t size() const { return end - begin; }
    friend bool operator==(const Range&, const Range&) = default;
};

/// Shard `index` of `count` of a range: contiguous, sizes equal to one, in order; empty where there are more shards
/// than positions.
constexpr Range shard_of(Range range, std::uint64_t index, std::uint64_t count) {
    return {range.begin + range.size() * index / count, range.begin + range.size() * (index + 1) / count};
}

/// The shard of `count` that holds a place of a batch of `size`.
constexpr std::uint64_t shard_holding(std::uint64_t place, std::uint64_t size, std::uint64_t count) {
    return ((place + 1) * count + size - 1) / size - 1;
}

/// The batch that begins at a position of an epoch of `samples`; the last one is short.
constexpr Range batch_at(std::uint64_t position, std::uint64_t samples, std::uint64_t batch) {
    return {position, samples - position < batch ? samples : position + batch};
}

/// Batches from a position to the epoch's end.
constexpr std::uint64_t batches_from(std::uint64_t position, std::uint64_t samples, std::uint64_t batch) {
    return (samples - position + batch - 1) / batch;
}

/// Rows of the largest shard.
constexpr std::uint64_t largest_shard(std::uint64_t batch, std::uint64_t count) { return (batch + count - 1) / count; }

/// A shard in its step of training.
struct Turn {
    std::uint64_t step = 0; ///< from 1 on
    std::uint64_t epoch = 0;
    Range batch;
    std::uint64_t shard = 0;
    friend bool operator==(const Turn&, const Turn&) = default;
};

/// The way of a rank through the epochs: its shards, in the order in which it computes them.
struct Turns {
    std::uint64_t samples = 0, batch = 0; ///< in an epoch, in a step
    std::uint64_t shards = 1;             ///< of a batch
    Range mine{0, 1};                     ///< of the shards
    std::uint64_t block = 0, window = 0;  ///< samples, of a windowed order; 0: it is full
    std::uint64_t epochs = 0;             ///< from which on nothing need be read ahead; 0: unknown

    constexpr Range positions(const Turn& turn) const { return shard_of(turn.batch, turn.shard, shards); }

    constexpr Turn after(Turn turn) const {
        if (++turn.shard < mine.end) return turn;
        const bool next_epoch = turn.batch.end == samples;
        return {turn.step + 1, turn.epoch + (next_epoch ? 1 : 0),
                batch_at(next_epoch ? 0 : turn.batch.end, samples, batch), mine.begin};
    }
};

} // namespace elbo::data
