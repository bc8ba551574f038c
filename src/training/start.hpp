// How a training starts: what its folder holds, and what may go on.
#pragma once

#include "comm/communicator.hpp"
#include "report/terminal.hpp"
#include "storage/folder_lock.hpp"
#include "training/monitor.hpp"
#include "training/run_folder.hpp"
#include "training/trainer.hpp"

#include <memory>

namespace elbo::training {

struct Start {
    enum class Kind { begin, resume, finished } kind = Kind::begin;
    Found found;        ///< rank 0's alone
    bool aside = false; ///< the run that is there is to be moved aside first
    std::uint64_t virtual_ranks = 1;
    std::uint64_t virtual_ranks_before = 0; ///< of a run that goes on
};

/// Looks into the output folder and decides; says so where the run is finished. Touches nothing. Collective.
Start look(const comm::Communicator& world, const RunPaths& paths, const config::Config& config, bool fresh,
           report::Terminal& terminal);

/// As configured, or one a rank. Throws AgreedError where fewer are configured than there are ranks. Collective.
std::uint64_t virtual_ranks_at_start(const comm::Communicator& world, const config::Config& config);

/// Refuses data that is not the run's, makes the folder and locks it; the lock is rank 0's. Collective.
std::unique_ptr<storage::FolderLock> open_run(const comm::Communicator& world, const RunPaths& paths,
                                              const config::Config& config, const Start& start, const Trainer& trainer);

} // namespace elbo::training
