// Schedules over a training: the rate's warm-up and decay, and the KL weight's warm-up (Bowman et al. 2016; Sønderby
// et al. 2016). Cosine: Loshchilov & Hutter 2017.
#include "optimizers/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace elbo::optimizers {

namespace {

double epochs_done(const Progress& progress) {
    return static_cast<double>(progress.step) /
           static_cast<double>(std::max<std::uint64_t>(1, progress.steps_an_epoch));
}

/// What a decay is computed from.
struct Decay {
    const config::Settings& settings;
    const Progress& progress;
    std::uint64_t warmup;
    const PlateauState& plateau;
};

double constant(const Decay&) { return 1; }

double cosine(const Decay& decay) {
    const Progress& progress = decay.progress;
    if (progress.step <= decay.warmup || progress.steps_in_all <= decay.warmup) return 1;
    const double part =
        static_cast<double>(progress.step - decay.warmup) / static_cast<double>(progress.steps_in_all - decay.warmup);
    const double last = decay.settings.number("final");
    return last + (1 - last) * 0.5 * (1 + std::cos(std::numbers::pi * std::min(part, 1.0)));
}

double step(const Decay& decay) {
    const auto every = static_cast<std::uint64_t>(decay.settings.integer("every"));
    const std::uint64_t epochs = decay.progress.step / std::max<std::uint64_t>(1, decay.progress.steps_an_epoch);
    const std::uint64_t reductions = epochs / every;
    return std::pow(decay.settings.number("factor"), static_cast<double>(reductions));
}

double exponential(const Decay& decay) {
    return std::pow(decay.settings.number("factor"), epochs_done(decay.progress));
}

double plateau(const Decay& decay) {
    return std::pow(decay.settings.number("factor"), static_cast<double>(decay.plateau.reductions));
}

struct DecayKind {
    config::Kind schema;
    double (*factor)(const Decay&);
};

const std::vector<DecayKind>& table() {
    using config::Effect;
    using config::Key;
    using config::Type;
    const auto fraction = [](std::string_view name, std::string_view fallback, std::string_view meaning) {
        return Key{name, Type::number, fallback, meaning, Effect::trajectory, 0, 1};
    };
    const auto factor = [&](std::string_view fallback, std::string_view meaning) {
        Key key = fraction("factor", fallback, meaning);
        key.exclusive = true;
        return key;
    };
    static const std::vector<DecayKind> kinds = {
        {{"constant", "the rate stays"}, constant},
        {{"cosine",
          "half a cosine from the end of the warm-up to the last step",
          {fraction("final", "0", "fraction of the rate at the last step")}},
         cosine},
        {{"step",
          "times a factor every so many epochs",
          {{"every", Type::integer, "10", "epochs between reductions", Effect::trajectory, 1},
           factor("0.5", "of each reduction")}},
         step},
        {{"exponential", "times a factor an epoch, step by step", {factor("0.95", "over one epoch")}}, exponential},
        {{"plateau",
          "times a factor where the validation ELBO no longer rises",
          {factor("0.5", "of each reduction"),
           {"patience", Type::integer, "5", "epochs without improvement before a reduction", Effect::trajectory, 1},
           {"improvement", Type::number, "0.01", "least rise of the validation ELBO that counts, nats",
            Effect::trajectory, 0}}},
         plateau},
    };
    return kinds;
}

} // namespace

Rate::Rate(const config::Optimizer& settings) : settings_(settings) {}

double Rate::at(const Progress& progress) const {
    double rate = settings_.rate;
    if (progress.step < settings_.warmup) {
        rate *= static_cast<double>(progress.step + 1) / static_cast<double>(settings_.warmup);
    }
    for (const DecayKind& kind : table()) {
        if (kind.schema.name == settings_.decay.kind) {
            return rate * kind.factor({settings_.decay, progress, settings_.warmup, plateau_});
        }
    }
    throw std::logic_error("no decay is called " + settings_.decay.kind);
}

bool Rate::needs_validation() const { return settings_.decay.kind == "plateau"; }

void Rate::observe(double validation_elbo) {
    if (!needs_validation()) return;
    if (!plateau_.any || validation_elbo > plateau_.best + settings_.decay.number("improvement")) {
        plateau_.best = validation_elbo;
        plateau_.any = true;
        plateau_.waited = 0;
    } else if (++plateau_.waited >= settings_.decay.integer("patience")) {
        ++plateau_.reductions;
        plateau_.waited = 0;
    }
}

std::span<const config::Kind> decay_kinds() {
    static const std::vector<config::Kind> kinds = [] {
        std::vector<config::Kind> schemas;
        for (const DecayKind& kind : table()) schemas.push_back(kind.schema);
        return schemas;
    }();
    return kinds;
}

double kl_weight(const config::Objective& objective, const Progress& progress) {
    if (objective.warmup <= 0) return objective.beta;
    return objective.beta * std::min(1.0, epochs_done(progress) / objective.warmup);
}

} // namespace elbo::optimizers
