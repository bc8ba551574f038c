// Training a model as configured: `elbo train`.
#pragma once

#include "base/error.hpp"
#include "comm/communicator.hpp"
#include "config/config.hpp"
#include "report/terminal.hpp"
#include "training/trace.hpp"

namespace elbo::training {

struct Options {
    bool fresh = false; ///< move an existing run aside and start anew
    report::Verbosity verbosity = report::Verbosity::normal;
    TraceSettings trace;
};

/// Trains until the configuration asks for no more, going on where the run in config.output stands. Every rank calls
/// it.
Exit train(const comm::Communicator& world, const config::Config& config, const Options& options);

/// Three steps, validation, pictures, checkpoint and resume in a temporary folder: does everything work before a job
/// queues? Every rank calls it.
Exit rehearse(const comm::Communicator& world, const config::Config& config, const Options& options);

} // namespace elbo::training
