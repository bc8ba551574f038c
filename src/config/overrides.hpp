// Overrides of the command line, put into the tree of the file.
#pragma once

#include "config/mistakes.hpp"
#include "config/tree.hpp"

#include <string>
#include <vector>

namespace elbo::config {

/// Puts "key.path=value" into the tree; "list[0].key=value" reaches into the items of a list. Of several for one key
/// the last counts.
void apply_overrides(Tree& root, const std::vector<std::string>& overrides, Mistakes& mistakes);

/// Adds a mistake for each name that stands twice in one map, anywhere below.
void refuse_doubled(const Tree& tree, const std::string& path, Mistakes& mistakes);

} // namespace elbo::config
