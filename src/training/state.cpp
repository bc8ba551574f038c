#include "training/state.hpp"

#include <algorithm>
#include <string_view>
#include <type_traits>

namespace elbo::training {
namespace {

static_assert(std::is_trivially_copyable_v<State>);

/// Attributes that checkpoints of the first versions lack; zero is what they mean.
constexpr std::string_view later_attributes[] = {"rate",        "kl_weight",    "skipped_steps", "skipped_steps_in_row",
                                                 "order_batch", "order_pieces", "collapse_told", "gradient_norm"};

/// Calls visit(name, member) for every attribute of /state: the one list that writing and reading share.
template <class AnyState, class Visit>
void for_each_attribute(AnyState& state, Visit&& visit) {
    visit("step", state.step);
    visit("epoch", state.epoch);
    visit("position", state.position);
    visit("epoch_reconstruction", state.epoch_sum.reconstruction);
    visit("epoch_kl", state.epoch_sum.kl);
    visit("epoch_samples", state.epoch_sum.samples);
    visit("line_reconstruction", state.line_sum.reconstruction);
    visit("line_kl", state.line_sum.kl);
    visit("line_samples", state.line_sum.samples);
    visit("best_validation_elbo", state.best);
    visit("best_epoch", state.best_epoch);
    visit("epochs_since_best", state.waited);
    visit("plateau_best", state.plateau.best);
    visit("plateau_waited", state.plateau.waited);
    visit("plateau_reductions", state.plateau.reductions);
    visit("plateau_any", state.plateau.any);
    visit("rate", state.rate);
    visit("kl_weight", state.kl_weight);
    visit("gradient_norm", state.gradient_norm);
    visit("skipped_steps", state.skipped);
    visit("skipped_steps_in_row", state.skipped_in_row);
    visit("collapse_told", state.collapse_told);
    visit("seconds", state.seconds);
    visit("metrics_bytes", state.metrics_bytes);
    visit("virtual_ranks", state.virtual_ranks);
    visit("order_batch", state.order_batch);
    visit("order_pieces", state.order_pieces);
}

} // namespace

std::map<std::string, storage::StateValue> to_attributes(const State& state) {
    std::map<std::string, storage::StateValue> attributes;
    for_each_attribute(state, [&](const char* name, auto value) {
        if constexpr (std::is_floating_point_v<decltype(value)>)
            attributes[name] = value;
        else
            attributes[name] = static_cast<std::int64_t>(value);
    });
    return attributes;
}

State from_attributes(const storage::CheckpointReader& reader) {
    State state;
    for_each_attribute(state, [&](const char* name, auto& value) {
        using T = std::remove_reference_t<decltype(value)>;
        if (!reader.has(name) && std::ranges::find(later_attributes, name) != std::end(later_attributes)) return;
        if constexpr (std::is_floating_point_v<T>)
            value = reader.number(name);
        else
            value = static_cast<T>(reader.integer(name));
    });
    return state;
}

} // namespace elbo::training
