// What a training settles, says and accounts for concerning its data: blocks and windows, memory, reading.
#pragma once

#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "report/terminal.hpp"
#include "training/inputs.hpp"
#include "training/monitor.hpp"
#include "training/run_folder.hpp"
#include "training/trainer.hpp"

#include <cstdint>

namespace elbo::training {

/// The configuration with data.block and data.window of a windowed order as numbers where they are left open: those of
/// the run that goes on (found: rank 0's alone), or those that the header of data.train suggests. Collective.
config::Config settled(const comm::Communicator& world, const config::Config& config, const Found& found);

/// Shows how far reading a dataset is, where that takes long enough to be seen.
ReadingProgress shown_on(report::Terminal& terminal);

/// How the data is kept and ordered, where that is not simply in memory and shuffled, and what it costs. Rank 0's.
void announce_data(const config::Config& config, const Trainer& trainer, report::Terminal& terminal, Monitor& monitor);

/// What the readers of all ranks have read for so many samples, and how long was waited for them. Collective.
void account_for_reading(const comm::Communicator& world, const Trainer& trainer, std::uint64_t samples,
                         report::Terminal& terminal, Monitor& monitor);

} // namespace elbo::training
