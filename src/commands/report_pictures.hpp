// What a run's best model makes of nothing but codes: pictures for its report.
#pragma once

#include "comm/communicator.hpp"
#include "commands/report_latents.hpp"
#include "report/run_record.hpp"

#include <filesystem>

namespace elbo::commands {

/// Samples from the prior, and what single dimensions do to one code: the first sample's where `latents` has it, else
/// the prior's mean. Throws AgreedError where the run has no checkpoint that can be read. Rank 0 draws. Collective.
report::Shown show_model(const comm::Communicator& world, const std::filesystem::path& run, const RunLatents& latents);

} // namespace elbo::commands
