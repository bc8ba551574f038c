// What a stalled node looks like: the state of each rank's process, and the one line that names those who have not
// arrived.
#pragma once

#include "base/process.hpp"
#include "comm/phase.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace elbo::comm {

/// How a rank's process is, as the other ranks of its node see it.
enum class Life { running, on_disk, stopped, traced, gone, silent };

Life life_of(const ProcessStat& stat);

/// A rank of the stalled node.
struct Member {
    int rank = 0;    ///< in the world
    int process = 0; ///< 0: it has not come yet
    Phase phase = Phase::starting;
    Life life = Life::running;

    /// It is not waiting for the others, or could not go on if they came.
    bool missing() const;
};

struct Stalled {
    std::string host;
    std::vector<std::string> others; ///< hosts of the other nodes, each once
    bool alone = true;               ///< there is no other node
    double seconds = 0;
    std::uint64_t step = 0;
    std::vector<Member> members;
};

/// "host n1: no progress for 61 s in step 120: rank 2 (process 4711) has not arrived: in forward, the process is
/// stopped (SIGSTOP?)". Long lists are shortened.
std::string stall_message(const Stalled& stalled);

} // namespace elbo::comm
