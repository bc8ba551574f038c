// Options of `elbo bench` that stand for keys of the configuration.
#pragma once

#include "commands/commands.hpp"

namespace elbo::commands {

/// Keys that are set on the command line, by key=value or an option of their own. Throws InputError where another
/// option is out of range.
std::vector<std::string> overrides_of(const BenchOptions& options);

} // namespace elbo::commands
