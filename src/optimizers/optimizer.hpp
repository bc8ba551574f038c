// Optimisers as one loop over a range of the flat arrays, and the schedule of their rate.
#pragma once

#include "config/config.hpp"
#include "numerics/bfloat16.hpp"
#include "numerics/memory.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::optimizers {

/// What one step's update needs besides the arrays.
struct Update {
    double rate = 0;
    std::uint64_t step = 1;   ///< 1 for the first update that is made, for Adam's bias correction
    float gradient_scale = 1; ///< factor on every gradient: below 1 where the global norm is clipped
};

/// Elements [begin, end) of the flat arrays, whose state stands in the state arrays from element `state` on.
struct Range {
    std::size_t begin, end, state;
};

/// An optimiser's state for as many elements as its owner has, in however many slices of the flat arrays these are.
class Optimizer {
public:
    virtual ~Optimizer() = default;
    /// Names of the state arrays, in order ("mean", "variance" for Adam); each has one float an element.
    virtual std::span<const std::string_view> state_names() const = 0;
    virtual std::span<float> state(std::size_t index) = 0;

    /// Updates a range of the flat array of values from that of gradients. rounded, where it is not empty: the flat
    /// array of the values' bf16 copy, which gets the new values too. Returns false where a new value, or a new element
    /// of the state, is infinite or NaN.
    virtual bool update(const Range& range, std::span<float> values, std::span<const float> gradients,
                        const Update& update, std::span<BFloat16> rounded = {}) = 0;
};

struct OptimizerKind {
    config::Kind schema;
    std::size_t states; ///< floats of state an element
    std::unique_ptr<Optimizer> (*make)(const config::Settings& settings, std::size_t count);
};

std::span<const OptimizerKind> optimizer_kinds();
const OptimizerKind& optimizer_kind(std::string_view name);

/// How far a training is, as the rate's schedule and the KL weight's see it.
struct Progress {
    std::uint64_t step = 0; ///< steps done
    std::uint64_t steps_an_epoch = 1, steps_in_all = 1;
};

/// Plateau's memory: part of a checkpoint.
struct PlateauState {
    double best = 0;
    std::int64_t waited = 0, reductions = 0;
    bool any = false;
};

/// The rate at each step: linear warm-up, then a decay from the table of decays.
class Rate {
public:
    explicit Rate(const config::Optimizer& settings);
    double at(const Progress& progress) const;
    /// True where the schedule goes by what observe() is told.
    bool needs_validation() const;
    /// Tells a plateau schedule an epoch's validation ELBO (larger is better).
    void observe(double validation_elbo);
    PlateauState& plateau() { return plateau_; }

private:
    config::Optimizer settings_;
    PlateauState plateau_;
};

/// Schemas of the decays: constant, cosine, step, exponential, plateau.
std::span<const config::Kind> decay_kinds();

/// The KL weight at a step: beta, risen to linearly over so many epochs.
double kl_weight(const config::Objective& objective, const Progress& progress);

} // namespace elbo::optimizers
