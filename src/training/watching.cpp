#include "training/watching.hpp"

#include <sstream>

namespace elbo::training {

Watching::Watching(const comm::Communicator& world, Trainer& trainer, const config::Communication& settings,
                   Monitor& monitor)
    : world_(world),
      trainer_(trainer),
      monitor_(monitor),
      watch_(trainer.nodes(), {settings.stall_seconds, settings.stall_abort}, [&monitor](const comm::Stall& stall) {
          if (stall.ends) monitor.failed_from_elsewhere({stall.message, Exit::failure});
      }) {
    watch_.enter(comm::Phase::agreeing);
    trainer_.watch_by(&watch_);
}

Watching::~Watching() { trainer_.watch_by(nullptr); }

void Watching::tell() {
    const comm::InPhase agreeing(&trainer_.clock(), comm::Phase::agreeing);
    std::string mine;
    while (const std::optional<std::string> report = watch_.take_report()) mine += *report + '\n';
    if (world_.most(mine.empty() ? 0 : 1) == 0) return;
    for (const std::string& reports : world_.gather(mine)) {
        std::istringstream lines(reports);
        for (std::string line; std::getline(lines, line);) monitor_.event("stall", {{"message", line}});
    }
}

} // namespace elbo::training
