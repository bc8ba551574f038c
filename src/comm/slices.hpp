// How the flat arrays are cut: into blocks, buckets of blocks that are exchanged at once, and the slices of a bucket
// that each rank of a node owns. All cuts lie on the blocks of canonical sums, so that a block's norm is one rank's
// work.
#pragma once

#include "numerics/sums.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace elbo::comm {

/// Elements [begin, end) of the flat arrays.
struct Slice {
    std::size_t begin = 0, end = 0;
    std::size_t size() const { return end > begin ? end - begin : 0; }
    friend bool operator==(const Slice&, const Slice&) = default;
};

inline Slice intersection(Slice a, Slice b) { return {std::max(a.begin, b.begin), std::min(a.end, b.end)}; }

/// [0, parameters) in buckets of so many blocks, from the end to the begin: the order in which a backward pass
/// finishes.
inline std::vector<Slice> buckets_of(std::size_t parameters, std::size_t blocks_a_bucket) {
    std::vector<Slice> buckets;
    const std::size_t length = blocks_a_bucket * sum_block;
    for (std::size_t begin = (parameters + length - 1) / length; begin-- > 0;)
        buckets.push_back({begin * length, std::min(parameters, (begin + 1) * length)});
    return buckets;
}

/// What local rank `index` of `count` owns of a bucket: whole blocks, numbers of blocks equal to one.
inline Slice owned_of(Slice bucket, std::size_t index, std::size_t count) {
    const std::size_t blocks = (bucket.size() + sum_block - 1) / sum_block;
    const auto cut = [&](std::size_t i) { return std::min(bucket.end, bucket.begin + blocks * i / count * sum_block); };
    return {cut(index), cut(index + 1)};
}

} // namespace elbo::comm
