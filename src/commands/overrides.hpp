// Options of `elbo bench`: those that stand for keys of the configuration, and where the figures go.
#pragma once

#include "comm/communicator.hpp"
#include "commands/commands.hpp"

namespace elbo::commands {

/// Keys that are set on the command line, by key=value or an option of their own. Throws InputError where another
/// option is out of range.
std::vector<std::string> overrides_of(const BenchOptions& options);

/// Throws AgreedError where the figures cannot be written to the file that is named. Collective.
void require_json(const comm::Communicator& world, const BenchOptions& options);

} // namespace elbo::commands
