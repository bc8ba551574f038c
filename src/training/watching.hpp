// The stall detector over a training: what it says also goes into the run's status and events.
#pragma once

#include "comm/watch.hpp"
#include "training/monitor.hpp"
#include "training/trainer.hpp"

namespace elbo::training {

/// While it lives, the trainer tells its phases to a watch.
class Watching {
public:
    /// Collective.
    Watching(const comm::Communicator& world, Trainer& trainer, const config::Communication& settings,
             Monitor& monitor);
    ~Watching();
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

    /// Records stalls that are over, whichever rank told of them. Collective.
    void tell();

private:
    const comm::Communicator& world_;
    Trainer& trainer_;
    Monitor& monitor_;
    comm::Watch watch_;
};

} // namespace elbo::training
