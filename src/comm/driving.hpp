// What messages between nodes take of the cores that compute: where the network's hardware moves the data, next to
// nothing; over TCP, as long as the kernel copies.
#pragma once

#include "comm/nodes.hpp"

namespace elbo::comm {

/// Seconds of a core.
struct Driving {
    double message = 0; ///< a short message out and one in
    double byte = 0;    ///< a byte out and one in
};

/// Work in small pieces, with a look at MPI after each, takes longer while messages travel: by so much. All ranks at
/// once, each with its counterparts on the next node and the one before; the mean of the ranks. A tenth of a second, on
/// slow networks more. Collective over all ranks of two nodes or more.
Driving measure_driving(const Nodes& nodes);

} // namespace elbo::comm
