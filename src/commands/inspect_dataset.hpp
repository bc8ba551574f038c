// What `elbo inspect` says of datasets.
#pragma once

#include "commands/commands.hpp"

namespace elbo::commands {

/// Of one file all datasets, or the one that is named; of several whether they fit together.
void inspect_datasets(const InspectOptions& options);

} // namespace elbo::commands
