// Single values: what a key expects, whether a scalar fits it, and how a value is written.
#include "config/values.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace elbo::config {
namespace {

std::string bound_text(const Key& key, double bound) {
    const bool whole = key.type == Type::integer || key.type == Type::integers;
    return whole ? fmt::format("{}", static_cast<std::int64_t>(bound)) : shortest(bound);
}

/// "" or " from 0 to 1".
std::string bounds(const Key& key) {
    const bool below = std::isfinite(key.least), above = std::isfinite(key.most);
    const std::string least = bound_text(key, below ? key.least : 0), most = bound_text(key, above ? key.most : 0);
    if (below && above) {
        return key.exclusive ? fmt::format(" above {} and below {}", least, most)
                             : fmt::format(" from {} to {}", least, most);
    }
    if (below) return (key.exclusive ? " above " : " of at least ") + least;
    if (above) return (key.exclusive ? " below " : " of at most ") + most;
    return "";
}

bool within_bounds(const Key& key, double number) {
    return key.exclusive ? number > key.least && number < key.most : number >= key.least && number <= key.most;
}

/// Decimal numbers alone: no inf, nan, hexadecimal digits or separators; nothing too large or too small for a double.
std::optional<double> read_number(std::string_view text) {
    if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
    return number;
}

/// Digits, or any decimal number that is whole and that a double holds exactly (1e3).
std::optional<std::int64_t> read_integer(std::string_view text) {
    std::string_view digits = text;
    if (digits.starts_with('+') && !digits.starts_with("+-")) digits.remove_prefix(1);
    std::int64_t integer = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), integer);
    if (error == std::errc() && end == digits.data() + digits.size()) return integer;
    constexpr double largest = 9007199254740992; // 2^53
    const std::optional<double> number = read_number(text);
    if (!number || *number != std::trunc(*number) || std::abs(*number) > largest) return std::nullopt;
    return static_cast<std::int64_t>(*number);
}

std::optional<Settings::Value> read_bounded(const Key& key, const Tree& tree) {
    if (tree.quoted) return std::nullopt;
    if (key.type == Type::integer) {
        const auto integer = read_integer(tree.text);
        if (!integer || !within_bounds(key, static_cast<double>(*integer))) return std::nullopt;
        return *integer;
    }
    const auto number = read_number(tree.text);
    if (!number || !within_bounds(key, *number)) return std::nullopt;
    return *number;
}

bool is_allowed_word(const Key& key, const std::string& word) {
    return key.words.empty() || std::ranges::find(key.words, word) != key.words.end();
}

bool has_control_characters(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::optional<Settings::Value> read(const Key& key, const Tree& tree) {
    switch (key.type) {
    case Type::integer:
    case Type::number:
        return read_bounded(key, tree);
    case Type::flag:
        if (tree.quoted || (tree.text != "true" && tree.text != "false")) return std::nullopt;
        return tree.text == "true";
    case Type::text:
        if (!is_allowed_word(key, tree.text) || has_control_characters(tree.text)) return std::nullopt;
        return tree.text;
    case Type::path:
        if (tree.text.empty() || has_control_characters(tree.text)) return std::nullopt;
        return tree.text;
    case Type::duration:
        if (!parse_duration(tree.text)) return std::nullopt;
        return tree.text;
    case Type::bytes:
        if (!parse_bytes(tree.text)) return std::nullopt;
        return tree.text;
    case Type::number_or_word:
        if (auto number = read_bounded(key, tree)) return number;
        if (key.words.empty() || !is_allowed_word(key, tree.text)) return std::nullopt;
        return tree.text;
    case Type::paths:
    case Type::integers:
    case Type::layers:
    case Type::steps:
    case Type::choice:
        break;
    }
    throw std::logic_error(fmt::format("key '{}' is not a single value", key.name));
}

/// One path, or a list of them.
std::optional<Settings::Value> read_paths(const Tree& tree) {
    std::vector<std::string> paths;
    const auto add = [&](const Tree& item) {
        if (item.form != Tree::Form::scalar || item.text.empty() || has_control_characters(item.text)) return false;
        paths.push_back(item.text);
        return true;
    };
    const bool all = tree.form == Tree::Form::list ? std::ranges::all_of(tree.items, add) : add(tree);
    if (!all || paths.empty()) return std::nullopt;
    return paths;
}

/// "[28, 28]" of a list of at most eight.
std::optional<Settings::Value> read_integers(const Key& key, const Tree& tree) {
    constexpr std::size_t most_items = 8;
    if (tree.items.empty() || tree.items.size() > most_items) return std::nullopt;
    std::string text;
    for (const Tree& item : tree.items) {
        if (item.form != Tree::Form::scalar || item.quoted) return std::nullopt;
        const auto integer = read_integer(item.text);
        if (!integer || !within_bounds(key, static_cast<double>(*integer))) return std::nullopt;
        text += fmt::format("{}{}", text.empty() ? "" : ", ", *integer);
    }
    return "[" + text + "]";
}

} // namespace

std::string expectation(const Key& key) {
    switch (key.type) {
    case Type::integer:
        return "an integer" + bounds(key);
    case Type::number:
        return "a number" + bounds(key);
    case Type::flag:
        return "true or false";
    case Type::text:
        return key.words.empty() ? "text" : "one of " + joined(key.words);
    case Type::number_or_word:
        return fmt::format("a number{}, or {}", bounds(key), joined(key.words, " or "));
    case Type::duration:
        return "a duration such as 3h50m or 90s";
    case Type::bytes:
        return "bytes such as 512MiB or 8GiB";
    case Type::path:
        return "a path";
    case Type::paths:
        return "a path, or a list of paths such as [a.h5, b.h5]";
    case Type::integers:
        return fmt::format("a list of integers{} such as [28, 28]", bounds(key));
    case Type::layers:
        return "a list of layers";
    case Type::steps:
        return "a list of steps";
    case Type::choice:
        return "a name";
    }
    return {};
}

std::optional<Settings::Value> check_value(const Key& key, const Tree& tree, const std::string& path,
                                           Mistakes& mistakes) {
    if (tree.form == Tree::Form::empty && key.fallback == "~") return Settings::Value();
    if (key.type == Type::integers) {
        if (tree.form == Tree::Form::list)
            if (auto value = read_integers(key, tree)) return value;
    } else if (key.type == Type::paths) {
        if (auto value = read_paths(tree)) return value;
    } else if (tree.form == Tree::Form::scalar) {
        if (auto value = read(key, tree)) return value;
    }
    const bool word = tree.form == Tree::Form::scalar && !key.words.empty();
    const std::string_view close = word ? nearest_word(tree.text, key.words) : std::string_view();
    mistakes.add(tree.place, path,
                 fmt::format("expected {}, found {}{}", expectation(key), description(tree),
                             close.empty() ? "" : fmt::format("; did you mean {}?", close)));
    return std::nullopt;
}

std::optional<Tree> fallback_tree(const Key& key, const Place& place) {
    if (key.fallback.empty()) return std::nullopt;
    if (key.fallback != "~") return Tree::scalar(std::string(key.fallback), place);
    Tree unset;
    unset.place = place;
    return unset;
}

std::string shortest(double number) {
    char digits[32];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
    return std::string(digits, end);
}

std::vector<std::size_t> counts_of(std::string_view list) {
    std::vector<std::size_t> counts;
    for (const char c : list) {
        if (c == '[' || c == ' ') counts.push_back(0);
        if (c >= '0' && c <= '9') counts.back() = 10 * counts.back() + static_cast<std::size_t>(c - '0');
    }
    return counts;
}

namespace {

std::string yaml_paths(const std::vector<std::string>& paths) {
    std::string list;
    for (const std::string& path : paths) list += (list.empty() ? "" : ", ") + yaml_text(path);
    return "[" + list + "]";
}

} // namespace

std::string bare_value(const Settings::Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
    if (const auto* number = std::get_if<double>(&value)) return shortest(*number);
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    if (const auto* paths = std::get_if<std::vector<std::string>>(&value)) {
        return paths->size() == 1 ? paths->front() : yaml_paths(*paths);
    }
    return "~";
}

std::string yaml_value(const Settings::Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return yaml_text(*text);
    if (const auto* paths = std::get_if<std::vector<std::string>>(&value); paths && paths->size() == 1) {
        return yaml_text(paths->front());
    }
    std::string bare = bare_value(value);
    if (!std::holds_alternative<double>(value)) return bare;
    // YAML 1.1 readers, Python's among them, take 1e-05 for text and 1.0e-05 for a number.
    const std::size_t exponent = bare.find('e');
    if (exponent != std::string::npos && bare.find('.') == std::string::npos) bare.insert(exponent, ".0");
    return bare;
}

} // namespace elbo::config
