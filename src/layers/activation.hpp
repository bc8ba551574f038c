// Activations of a layer's output, elementwise: one table, each with its value, its slope and the initial weights that
// suit it.
#pragma once

#include "config/schema.hpp"
#include "layers/parameters.hpp"
#include "numerics/any_matrix.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace elbo::layers {

enum class Activation { identity, relu, tanh, sigmoid, softplus, leaky_relu, gelu, silu };

struct ActivationKind {
    config::Kind schema;
    Activation activation;
    bool keeps_slope; ///< the slope does not follow from the output alone: the forward pass keeps it
    /// Initial weights of a layer with so many inputs and outputs whose output goes through the activation.
    Initial (*initial_weight)(std::size_t inputs, std::size_t outputs);
};

std::span<const ActivationKind> activation_kinds();
/// Throws std::logic_error for a name that the table does not have: configurations are checked before.
const ActivationKind& activation_kind(std::string_view name);
const ActivationKind& activation_kind(Activation activation);

/// The key of a layer's own activation; "~": that of the model.
config::Key activation_key(std::string_view fallback = "~");

/// out(i, j) = f(out(i, j) + bias[j]), or without a bias (empty) f(out(i, j)). slope gets f' at the same place where
/// the activation keeps it, and is left alone otherwise; it is of out's precision.
void activate(Activation activation, std::span<const float> bias, AnyMatrix out, AnyMatrix slope);

/// diff(i, j) *= f'(...), and diff_bias[j], unless it is empty, += the results before they are rounded, rows in order.
/// kept: slope where the activation keeps it, else activate()'s out, of diff's precision; not looked at for the
/// identity.
void backpropagate_activation(Activation activation, ConstAnyMatrix kept, AnyMatrix diff, std::span<float> diff_bias);

} // namespace elbo::layers
