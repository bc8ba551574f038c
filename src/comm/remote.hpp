// Between nodes: each rank sums its slices with the ranks of other nodes that own the same elements, bucket by bucket,
// without blocking, by one of the routes, whose sums are all in the canonical order.
#pragma once

#include "comm/network.hpp"
#include "comm/node_memory.hpp"
#include "comm/nodes.hpp"
#include "comm/phase_clock.hpp"
#include "comm/slices.hpp"

#include <cstdint>
#include <memory>
#include <span>

namespace elbo::comm {

Shares shares_of(const Nodes& nodes, std::size_t virtual_ranks);

class Remote {
public:
    /// buckets: of the flat arrays, the same on all ranks. totals: this rank's flat array that gets the sums.
    /// Collective over the world.
    Remote(const Nodes& nodes, std::size_t virtual_ranks, std::span<const Slice> buckets, Route route,
           Precision precision, float* totals);
    ~Remote();
    Remote(const Remote&) = delete;
    Remote& operator=(const Remote&) = delete;

    /// Has all that MPI may still send from or receive into, `totals` too, stay until the process ends. Afterwards it
    /// can only be destroyed.
    void leave(std::unique_ptr<NodeMemory> totals) noexcept;

    /// What the ranks of a node together take for arrays of so many elements, about: what they send and receive.
    static std::size_t bytes(const Shares& shares, std::size_t node, Route route, Precision precision,
                             std::size_t count);
    /// What this rank takes.
    std::size_t bytes() const;

    /// Tells a clock what of it is sums and rounding.
    void account_by(PhaseClock* clock);

    /// Makes ready to receive a step's slices.
    void begin_step();
    /// Where the sum over this node's root number `root` goes, for this rank's slice of the bucket.
    float* outgoing(std::size_t bucket, std::size_t root);
    /// Starts exchanging what outgoing() has got. From now on the slice in `totals` is the exchange's.
    void send(std::size_t bucket);
    /// Does what can be done of a bucket that was sent; true once it has come from everywhere and gone everywhere, and
    /// its sum stands in `totals`. Drives MPI's progress.
    bool advance(std::size_t bucket);
    /// Lets MPI do what others wait for.
    void poke();

    std::size_t bytes_sent() const;    ///< by this rank in a step
    std::size_t messages_sent() const; ///< the same

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace elbo::comm
