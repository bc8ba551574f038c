// What the commands that run on all ranks have in common: MPI, the configuration, and errors that all learn of.
#pragma once

#include "comm/communicator.hpp"
#include "config/config.hpp"

#include <functional>
#include <string>
#include <vector>

namespace elbo::commands {

/// Starts MPI and does the work on every rank. An error that all know of is reported by rank 0; one that a rank alone
/// knows of ends them all.
Exit on_ranks(const std::function<Exit(const comm::Communicator& world)>& work);

/// Does what needs no MPI: under a launcher in its first process alone, or all would print the same.
Exit on_first_process(const std::function<void()>& work);

/// The configuration as rank 0 reads it. Collective.
config::Config read_configuration(const comm::Communicator& world, const std::string& path,
                                  const std::vector<std::string>& overrides);

} // namespace elbo::commands
