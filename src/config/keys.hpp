// The table of core keys, each bound to its place in Config. Every question about what keys there are is answered here.
#pragma once

#include "config/config.hpp"

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::config {

struct Tree;

/// A core key's checked value; which member counts follows from the key's type.
struct Checked {
    Settings::Value value;        ///< single values, and the name of a choice
    Settings choice;              ///< of a choice
    std::vector<Settings> layers; ///< of a list of layers

    std::size_t count() const;
    std::optional<std::size_t> optional_count() const;
    double number() const;
    bool flag() const;
    std::optional<double> optional_number() const;
    std::optional<double> optional_seconds() const; ///< of a duration
    std::optional<std::uint64_t> optional_bytes() const;
    std::string text() const;                ///< "" where unset
    std::vector<std::string> texts() const;  ///< of paths; empty where unset
    std::vector<std::size_t> counts() const; ///< of a list of integers; empty where unset
};

/// How the keys of a chosen kind stand in the YAML.
enum class Stand {
    name,   ///< a name alone (activations)
    within, ///< {gaussian: {variance: 0.1}}, or {dense: 400, ...} where the kind has a key of its own name
    beside, ///< in the section of the choice itself: {kind: adam, beta1: 0.9}
};

struct CoreKey {
    Key key; ///< named by its whole path
    void (*store)(Config&, const Checked&);
    const std::vector<Kind> Schema::*kinds = nullptr; ///< of choices and layers
    Stand stand = Stand::name;
    bool short_form = false;     ///< a single value for the section is a value for this key
    std::string_view rival = {}; ///< the key that takes this one's place: one of the two is set
};

constexpr double no_bound = std::numeric_limits<double>::infinity();
constexpr double most_rows = 1e9;

std::span<const CoreKey> core_keys();
std::span<const CoreKey> data_keys(); ///< those of them that are data's

/// The row of a path, or nullptr.
const CoreKey* core_key(std::string_view path);

/// "optimizer.rate" of "optimizer.rate.start"; "" of "seed".
std::string_view section_of(std::string_view path);
/// "start" of "optimizer.rate.start".
std::string_view name_of(std::string_view path);

/// Whether some key stands below the path.
bool is_section(std::string_view path);

/// The key that a single value for the section sets, or nullptr.
const CoreKey* short_form_of(std::string_view section);
/// Whether what is given for the section is such a value: a scalar or, where the key takes paths, a list.
bool is_short_form(const CoreKey* row, const Tree& tree);

/// The choice whose kinds' keys stand in this section beside it, or nullptr.
const CoreKey* choice_beside(std::string_view section);

/// Names of the keys and sections directly in a section, in the table's order.
std::vector<std::string_view> names_in(std::string_view section);

/// The kind of that name, or nullptr.
const Kind* find_kind(const std::vector<Kind>& kinds, std::string_view name);
/// The key of that name, or nullptr.
const Key* find_key(const Kind& kind, std::string_view name);
std::vector<std::string_view> kind_names(const std::vector<Kind>& kinds);

} // namespace elbo::config
