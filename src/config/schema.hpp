// What can be configured, as tables: every key once, with its type, default, bounds, meaning and effect on a run.
// Folders above hand their own tables (layers, likelihoods, optimisers, schedules) down as rows of a Schema.
#pragma once

#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace elbo::config {

/// What changing a key does to a run that already has a checkpoint.
enum class Effect {
    model,      ///< another model or other data: a resume is refused
    trajectory, ///< the run goes on, from here on otherwise (rate, epochs): allowed, printed and recorded
    none,       ///< what is computed stays the same (where to log, how often to save): allowed, recorded
};

enum class Type {
    integer,
    number,
    flag,
    text,
    number_or_word,
    duration,
    bytes,
    path,
    paths,
    integers,
    layers,
    steps,
    choice,
};

/// One key. `fallback` is its default as YAML text; "" means required, "~" means unset unless given.
struct Key {
    std::string_view name;
    Type type;
    std::string_view fallback;
    std::string_view meaning;
    Effect effect = Effect::model;
    double least = -std::numeric_limits<double>::infinity();
    double most = std::numeric_limits<double>::infinity();
    std::vector<std::string_view> words = {}; ///< allowed words of text or number_or_word; empty: any
    bool exclusive = false;                   ///< least and most are themselves not allowed
};

/// One thing that can be chosen by name ("bernoulli", "adam", "dense"), with the keys that are its own. A key whose
/// name equals the kind's own is the one that the short form sets: {dense: 400} gives key "dense" the value 400.
struct Kind {
    std::string_view name;
    std::string_view meaning;
    std::vector<Key> keys = {};
};

/// The tables of the folders above, from which `model`, `optimizer` and `optimizer.rate` are checked.
struct Schema {
    std::vector<Kind> layers;      ///< of model.encoder and model.decoder
    std::vector<Kind> activations; ///< names for model.activation and a layer's own `activation`
    std::vector<Kind> likelihoods;
    std::vector<Kind> optimizers;
    std::vector<Kind> decays;     ///< of optimizer.rate: constant, cosine, step ...
    std::vector<Kind> transforms; ///< steps of data.transform
};

} // namespace elbo::config
