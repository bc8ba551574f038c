#include "training/collapse.hpp"

#include "optimizers/optimizer.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::training {
namespace {

constexpr double little = 0.1; ///< nats
constexpr std::uint64_t first_steps = 1000;

bool too_early(const config::Config& config, const Trainer& trainer) {
    const bool warm = optimizers::kl_weight(config.objective, trainer.progress()) >= config.objective.beta;
    return !warm || trainer.state().step < config.optimizer.warmup + first_steps;
}

} // namespace

void look_for_collapse(const config::Config& config, const std::optional<Validation>& validation, Trainer& trainer,
                       report::Terminal& terminal, Monitor& monitor) {
    State& state = trainer.state();
    if (state.collapse_told != 0 || too_early(config, trainer)) return;
    const model::Bound& sum = validation ? validation->bound : state.epoch_sum;
    const double kl = sum.kl / static_cast<double>(sum.samples);
    const std::size_t latent = trainer.model().latent();
    std::size_t telling = 0; ///< latents
    if (validation)
        telling = static_cast<std::size_t>(
            std::ranges::count_if(validation->latents, [](const auto& dimension) { return dimension.kl >= little; }));
    else if (kl >= little)
        return;
    if (telling > latent / 10) return;
    state.collapse_told = 1;
    const char* const what = kl < little ? "the posterior has collapsed" : "the posterior has nearly collapsed";
    const std::string figures = validation
                                    ? fmt::format("{} of {} latents have a KL above {} nats, {:.2g} nats all together",
                                                  telling, latent, little, kl)
                                    : fmt::format("the KL of all {} latents together is {:.2g} nats", latent, kl);
    terminal.warning(fmt::format("{}: after epoch {} {}; try a longer objective.warmup, a smaller objective.beta, a "
                                 "weaker decoder or a smaller model.latent",
                                 what, state.epoch + 1, figures));
    monitor.event("collapse", {{"epoch", static_cast<std::int64_t>(state.epoch + 1)},
                               {"kl", kl},
                               {"latents", static_cast<std::int64_t>(latent)},
                               {"telling", static_cast<std::int64_t>(telling)},
                               {"message", figures}});
}

} // namespace elbo::training
