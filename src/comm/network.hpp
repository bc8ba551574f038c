// The network between nodes, measured at the start of a run, and what of the exchange is chosen by it: the length of
// its buckets and their route. Neither shows in the bits.
#pragma once

#include "comm/nodes.hpp"
#include "comm/route.hpp"
#include "numerics/bfloat16.hpp"

#include <cstddef>
#include <optional>

namespace elbo::comm {

/// Seconds; the slowest node's.
struct Network {
    double latency = 0;   ///< of a short message, from call to arrival
    double gap = 0;       ///< from one short message to the next
    double bandwidth = 0; ///< bytes a second out of a node, while as many come in
    /// Bytes of the longest message that leaves without its receiver's answer, which a receiver that computes gives
    /// late; 0: not known.
    std::size_t eager = 0;
};

/// All ranks at once, each with its counterparts on the next node and the one before: some ten milliseconds, on slow
/// networks half a second. Collective over all ranks of two nodes or more.
Network measure_network(const Nodes& nodes);

/// Seconds of exchanging so many buckets, one after the other without a pause, and of the last bucket alone, which
/// nothing hides. ranks: of a node; each sends its part of a bucket.
double exchange_seconds(const Network& network, const Load& bucket, std::size_t buckets, std::size_t ranks,
                        Precision precision);

/// How gradients travel between nodes; what is left out is chosen by measuring.
struct Messages {
    std::optional<std::size_t> bucket_bytes; ///< of gradients, all ranks of a node together
    std::optional<Route> route;
    Precision precision = Precision::fp32; ///< bf16: rounded where they leave a node, and again where they come back
};

struct Chosen {
    std::size_t bucket_blocks; ///< of sum_block elements
    Route route;
};

/// The bucket and the route with which exchanging takes the least time. locals: ranks of the node with most.
Chosen choose(const Network& network, const Messages& asked, const Shares& shares, std::size_t elements,
              std::size_t locals);

} // namespace elbo::comm
