// A resolved configuration as a flat list.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace elbo::config {

/// Keys by their paths and values on a line each, in the text's order. Throws InputError where the text is no YAML.
std::vector<std::pair<std::string, std::string>> leaves_of(const std::string& text);

} // namespace elbo::config
