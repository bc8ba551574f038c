// `elbo train --trace`: what every rank was at in chosen steps, gathered once these are done and written by rank 0.
#pragma once

#include "training/checkpoints.hpp"
#include "training/trainer.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

namespace elbo::training {

struct TraceSettings {
    std::filesystem::path file; ///< empty: no trace
    /// First and last step; unset: ten of this process, from its eleventh on.
    std::optional<std::pair<std::uint64_t, std::uint64_t>> steps;
};

/// "100-109", or "100" alone. Throws InputError that names --trace-steps.
std::pair<std::uint64_t, std::uint64_t> parse_trace_steps(const std::string& text);

class Trace {
public:
    /// The trainer begins to record where the settings name a file.
    Trace(const comm::Communicator& world, TraceSettings settings, Trainer& trainer, Monitor& monitor,
          report::Terminal& terminal);

    /// Between two steps: writes the file once the last of the chosen steps is done. Collective.
    void after_step(const Checkpoints& checkpoints) {
        if (open_ && trainer_.state().step >= last_) write(checkpoints);
    }
    /// At the end of training: writes what there is. Collective.
    void finish(const Checkpoints& checkpoints) {
        if (open_) write(checkpoints);
    }

private:
    void write(const Checkpoints& checkpoints);

    const comm::Communicator& world_;
    TraceSettings settings_;
    Trainer& trainer_;
    Monitor& monitor_;
    report::Terminal& terminal_;
    std::uint64_t first_ = 0, last_ = 0;
    bool open_ = false; ///< not written yet
};

} // namespace elbo::training
