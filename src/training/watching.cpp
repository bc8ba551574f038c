#include "training/watching.hpp"

namespace elbo::training {

Watching::Watching(Trainer& trainer, const config::Communication& settings, Monitor& monitor)
    : trainer_(trainer),
      monitor_(monitor),
      watch_(trainer.nodes(), {settings.stall_seconds, settings.stall_abort}, [&monitor](const comm::Stall& stall) {
          if (stall.ends) monitor.failed_from_elsewhere(stall.message, Exit::failure);
      }) {
    watch_.enter(comm::Phase::agreeing);
    trainer_.watch_by(&watch_);
}

Watching::~Watching() { trainer_.watch_by(nullptr); }

void Watching::tell() {
    while (const std::optional<std::string> report = watch_.take_report())
        monitor_.event("stall", {{"message", *report}});
}

} // namespace elbo::training
