// What bash completes after `elbo`, made of the same words as --help.
#pragma once

#include "commands/words.hpp"

#include <span>
#include <string>
#include <string_view>

namespace elbo::commands {

struct NamedWords {
    std::string_view name;
    Words words;
};

/// A script for bash to source: commands, options, keys of configurations, and files, folders and runs where values are
/// such by their types (Word::type).
std::string bash_completion(std::span<const NamedWords> commands);

} // namespace elbo::commands
