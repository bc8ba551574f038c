// Posterior collapse: codes that say nothing of the samples, since q(z | x) has become the prior (Bowman et al. 2016,
// "Generating sentences from a continuous space", section 3.1).
#pragma once

#include "config/config.hpp"
#include "training/monitor.hpp"
#include "training/trainer.hpp"

#include <optional>

namespace elbo::training {

/// Warns once a run, on the terminal and in events.jsonl, where after the KL's warm-up all latents but few have a KL
/// below 0.1 nats on the validation data, or without any, where the KL of an epoch's training samples has. In a run's
/// first steps a small KL means nothing.
void look_for_collapse(const config::Config& config, const std::optional<Validation>& validation, Trainer& trainer,
                       report::Terminal& terminal, Monitor& monitor);

} // namespace elbo::training
