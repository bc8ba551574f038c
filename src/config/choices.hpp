// What is chosen from the tables of the folders above: a kind by name, and the kind's own keys.
#pragma once

#include "config/keys.hpp"
#include "config/mistakes.hpp"
#include "config/tree.hpp"

#include <optional>
#include <string>
#include <vector>

namespace elbo::config {

/// A value given for a kind's key, and where.
struct Given {
    std::string name;
    Place place;
    const Tree* value;
};

/// Checks choices against the tables; what does not fit becomes a mistake and gives nothing.
class Chooser {
public:
    Chooser(const Schema& schema, Mistakes& mistakes) : schema_(schema), mistakes_(mistakes) {}

    /// What a layer's key "activation" is where it is not given.
    void set_activation(std::string name) { activation_ = std::move(name); }

    /// The kind that a scalar names.
    const Kind* name(const std::vector<Kind>& kinds, const Tree& tree, const std::string& path);

    /// A word, {kind: {keys}}, or {kind: value, keys} where the kind has a key of its own name.
    std::optional<Settings> within(const std::vector<Kind>& kinds, const Tree& tree, const std::string& path);

    /// A kind by name, its keys among those that stand beside it.
    std::optional<Settings> beside(const std::vector<Kind>& kinds, const Tree& tree, const std::string& path,
                                   const std::vector<Given>& keys);

    /// A list of layers or other steps.
    std::optional<std::vector<Settings>> list(const std::vector<Kind>& kinds, const Tree& tree,
                                              const std::string& path);

private:
    /// Refuses keys that neither the chosen kind nor the section has; where the choice itself is wrong (nullptr), those
    /// of any kind pass.
    void refuse_unknown(const std::vector<Kind>& kinds, const Kind* chosen, const std::string& section,
                        const std::vector<Given>& keys);
    std::optional<Settings> fill(const std::vector<Kind>& kinds, const Kind& kind, const Place& place,
                                 const std::string& section, const std::vector<Given>& keys);
    std::optional<Settings::Value> value_of(const Key& key, const Tree& tree, const std::string& path);
    std::optional<Settings::Value> default_of(const Kind& kind, const Key& key, const Place& place,
                                              const std::string& section);

    const Schema& schema_;
    Mistakes& mistakes_;
    std::string activation_;
};

/// Settings as canonical YAML in the form that Chooser::within reads: bernoulli, {gaussian: {variance: 0.1}},
/// {dense: 400, activation: relu}.
std::string yaml_within(const Schema& schema, const Kind& kind, const Settings& settings);

/// Layers or other steps as the YAML of a list.
std::string yaml_list(const Schema& schema, const std::vector<Kind>& kinds, const std::vector<Settings>& list);

} // namespace elbo::config
