// How many cores the ranks of a node have between them: what each may run on (its affinity mask), and what the
// container or job allows all of them (the cgroup's cpu.max).
#pragma once

#include "comm/communicator.hpp"

#include <optional>
#include <string>
#include <vector>

namespace elbo::comm {

/// What a node's ranks may use. A core is what the system schedules on: a hardware thread where there are several.
struct Cores {
    std::string host;
    int ranks = 1, threads = 1;    ///< ranks of the node, threads of each
    int union_of_node = 1;         ///< cores that at least one rank may use
    std::optional<double> quota;   ///< cores' worth of time that all ranks together may use, where it is limited
    bool crowded = false;          ///< more threads than cores, or than the quota
    bool shared_core = false;      ///< cores would suffice, but some ranks are bound to too few of them
    std::vector<int> sharing;      ///< those ranks, as ranks of the node
    std::vector<int> shared_cores; ///< the cores that they are bound to

    /// Some thread has to wait for another's core: who waits should yield rather than spin.
    bool must_share() const { return crowded || shared_core; }
};

/// A process's own limits.
struct CoreLimits {
    std::vector<int> cores;      ///< numbers of those that it may run on
    std::optional<double> quota; ///< of the tightest cgroup around it
    std::string quota_of;        ///< that cgroup, the same text for all processes in it
};

/// Of this process.
CoreLimits core_limits();

/// Judges the limits of a node's ranks. A quota counts where all ranks have the same one.
Cores weigh_cores(const std::string& host, const std::vector<CoreLimits>& ranks, int threads);

/// What the ranks of `node` may use, with this many threads each. Collective.
Cores cores_of_node(const Communicator& node, int threads = 1);

/// What a user should know and do, one sentence; empty where every thread has a core of its own.
std::string warning_text(const Cores& cores);

} // namespace elbo::comm
