// The list of everything that is wrong with a configuration, thrown as one error.
#include "config/mistakes.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "config/keys.hpp"

#include <algorithm>
#include <tuple>

namespace elbo::config {
namespace {

constexpr std::size_t most_lines = 50;

/// The core key of whatever section whose own name is the nearest, or nothing.
std::string_view elsewhere(std::string_view name) {
    std::vector<std::string_view> names;
    for (const CoreKey& row : core_keys()) names.push_back(name_of(row.key.name));
    const auto found = std::ranges::find(names, nearest_word(name, names));
    return found == names.end() ? std::string_view()
                                : core_keys()[static_cast<std::size_t>(found - names.begin())].key.name;
}

} // namespace

void Mistakes::add(const Place& place, std::string_view path, std::string_view message) {
    const int group = !place.override_key.empty() ? 2 : place.line == 0 ? 1 : 0;
    const std::string key = path.empty() || path == place.override_key ? std::string() : printable(path, 100) + ": ";
    lines_.push_back({group, place.line, fmt::format("{}: {}{}", place.text(), key, message)});
}

void Mistakes::raise() const {
    if (lines_.empty()) return;
    std::vector<Line> sorted = lines_;
    std::ranges::stable_sort(sorted, {}, [](const Line& line) { return std::tuple(line.group, line.number); });
    std::string message;
    for (const Line& line : std::span(sorted).first(std::min(sorted.size(), most_lines))) {
        if (!message.empty()) message += '\n';
        message += line.text;
    }
    if (sorted.size() > most_lines) message += fmt::format("\nand {} more", sorted.size() - most_lines);
    throw InputError(message);
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates) {
    constexpr std::size_t longest = 64;
    return word.size() > longest ? std::string_view() : nearest(word, candidates);
}

std::string hint(std::string_view suggested, std::span<const std::string_view> known) {
    if (suggested.empty()) return fmt::format("; known: {}", joined(known));
    return fmt::format("; did you mean {}? known: {}", suggested, joined(known));
}

UnknownKey unknown_key(std::string_view section, std::string_view name, std::span<const std::string_view> more) {
    if (section.empty() && core_key(name)) {
        return {fmt::format("dots stand for maps on the command line alone; write {}: {{{}: ...}}", section_of(name),
                            name_of(name)),
                std::string(name)};
    }
    const bool is_core = section.empty() || is_section(section);
    std::vector<std::string_view> known = is_core ? names_in(section) : std::vector<std::string_view>();
    known.insert(known.end(), more.begin(), more.end());
    std::string suggested(nearest_word(name, known));
    if (is_core) suggested = suggested.empty() ? elsewhere(name) : join(section, suggested);
    return {known.empty() ? "unknown key; there are none" : "unknown key" + hint(suggested, known), suggested};
}

} // namespace elbo::config
