// Single values: what a key expects, whether a scalar fits it, and how a value is written.
#pragma once

#include "config/mistakes.hpp"
#include "config/schema.hpp"
#include "config/tree.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::config {

/// "an integer of at least 1", "one of none, threshold, dynamic", "true or false".
std::string expectation(const Key& key);

/// The value of a key of any type but choice and layers. Nothing, and a mistake added, where it does not fit. An empty
/// tree fits where the key's default is "~", and is then unset.
std::optional<Settings::Value> check_value(const Key& key, const Tree& tree, const std::string& path,
                                           Mistakes& mistakes);

/// The default of a key as a tree; nullopt where the key is required.
std::optional<Tree> fallback_tree(const Key& key, const Place& place);

/// A number with as few digits as read back to the same bits.
std::string shortest(double number);

/// A value as YAML; unset is "~".
std::string yaml_value(const Settings::Value& value);

/// The numbers of a list of integers as it is stored, "[28, 28]"; none of "".
std::vector<std::size_t> counts_of(std::string_view list);

/// A value as bare text, as it stands in a file name.
std::string bare_value(const Settings::Value& value);

} // namespace elbo::config
