// How far messages between nodes travel by themselves while no rank looks at MPI.
#pragma once

#include "comm/nodes.hpp"

namespace elbo::comm {

/// Where as much goes, the network does without the ranks.
inline constexpr double most_window = 12 << 20;

/// Bytes out of a node: where the network's hardware goes on by itself, as many as were tried; over TCP, what the
/// kernel's buffers hold. All ranks at once, each with its counterparts on the next node and the one before; the mean
/// of the nodes. Some tenths of a second, on slow networks more. Collective over all ranks of two nodes or more.
double measure_window(const Nodes& nodes);

} // namespace elbo::comm
