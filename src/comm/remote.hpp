// Between nodes: each rank swaps the sums of its slices with the ranks of other nodes that own the same elements,
// bucket by bucket, without blocking, and adds them in the canonical order.
#pragma once

#include "comm/nodes.hpp"
#include "comm/slices.hpp"
#include "comm/summation.hpp"

#include <memory>
#include <span>
#include <vector>

namespace elbo::comm {

class Remote {
public:
    /// buckets: of the flat arrays, the same on all ranks. Collective over the world.
    Remote(const Nodes& nodes, std::size_t virtual_ranks, std::span<const Slice> buckets);
    ~Remote();
    Remote(const Remote&) = delete;
    Remote& operator=(const Remote&) = delete;

    /// Makes ready to receive a step's slices.
    void begin_step();
    /// Where the sum over this node's root number `root` goes, for this rank's slice of the bucket.
    float* outgoing(std::size_t bucket, std::size_t root);
    /// Sends what outgoing() has got.
    void send(std::size_t bucket);
    /// True once the bucket has come from everywhere and gone everywhere. Drives MPI's progress.
    bool arrived(std::size_t bucket);
    /// out: the sum over all virtual ranks, for this rank's slice of the bucket.
    void sum(std::size_t bucket, float* out);
    /// Lets MPI do what others wait for.
    void poke();

    std::size_t bytes_sent() const; ///< by this rank in a step

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace elbo::comm
