// What is chosen from the tables of the folders above: a kind by name, and the kind's own keys.
#include "config/choices.hpp"

#include "base/text.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::config {
namespace {

/// The pairs of a map but for one, as what is given for a kind's keys. The first of doubled names counts.
std::vector<Given> pairs_without(const Tree& map, const Tree* left_out) {
    std::vector<Given> pairs;
    for (std::size_t i = 0; i < map.items.size(); ++i) {
        const bool doubled = std::ranges::find(pairs, map.names[i].text, &Given::name) != pairs.end();
        if (&map.items[i] == left_out || doubled) continue;
        pairs.push_back({map.names[i].text, map.names[i].place, &map.items[i]});
    }
    return pairs;
}

/// How the keys of a kind that has none of its own name are given: {gaussian: {variance: ...}}.
std::string example(const Kind& kind) { return fmt::format("{{{}: {{{}: ...}}}}", kind.name, kind.keys[0].name); }

bool is_activation(const Key& key) { return key.type == Type::choice || key.name == "activation"; }

} // namespace

const Kind* Chooser::name(const std::vector<Kind>& kinds, const Tree& tree, const std::string& path) {
    const std::vector<std::string_view> known = kind_names(kinds);
    if (tree.form != Tree::Form::scalar) {
        mistakes_.add(tree.place, path, fmt::format("expected one of {}, found {}", joined(known), description(tree)));
        return nullptr;
    }
    const Kind* kind = find_kind(kinds, tree.text);
    if (!kind) {
        mistakes_.add(tree.place, path,
                      fmt::format("{} is not known{}", description(tree), hint(nearest_word(tree.text, known), known)));
    }
    return kind;
}

std::optional<Settings> Chooser::within(const std::vector<Kind>& kinds, const Tree& tree, const std::string& path) {
    if (tree.form != Tree::Form::map) {
        const Kind* kind = name(kinds, tree, path);
        return kind ? fill(kinds, *kind, tree.place, path, {}) : std::nullopt;
    }
    const auto names_kind = [&](const Tree::Name& candidate) { return find_kind(kinds, candidate.text) != nullptr; };
    const auto first = std::ranges::find_if(tree.names, names_kind);
    if (first == tree.names.end()) {
        if (tree.names.empty()) return name(kinds, tree, path), std::nullopt;
        return name(kinds, Tree::scalar(tree.names[0].text, tree.names[0].place), path), std::nullopt;
    }
    const Kind& kind = *find_kind(kinds, first->text);
    const auto second = std::find_if(first + 1, tree.names.end(), [&](const Tree::Name& candidate) {
        return names_kind(candidate) && candidate.text != kind.name;
    });
    if (second != tree.names.end() && !find_key(kind, second->text)) {
        mistakes_.add(second->place, path,
                      fmt::format("names both {} and {}, expected one of them", kind.name, second->text));
        return std::nullopt;
    }
    if (find_key(kind, kind.name)) return fill(kinds, kind, first->place, path, pairs_without(tree, nullptr));

    const Tree& keys = tree.items[static_cast<std::size_t>(first - tree.names.begin())];
    const std::string within = join(path, kind.name);
    if (keys.form != Tree::Form::map && keys.form != Tree::Form::empty) {
        const std::string expected =
            kind.keys.empty() ? fmt::format("no value (just {})", kind.name) : "a map of keys such as " + example(kind);
        mistakes_.add(keys.place, within, fmt::format("expected {}, found {}", expected, description(keys)));
        return std::nullopt;
    }
    for (const Given& stray : pairs_without(tree, &keys)) {
        mistakes_.add(stray.place, join(path, stray.name),
                      kind.keys.empty()
                          ? fmt::format("unknown key; {} has none", kind.name)
                          : fmt::format("unknown key; those of {} stand in {}", kind.name, example(kind)));
    }
    return fill(kinds, kind, first->place, within, pairs_without(keys, nullptr));
}

std::optional<Settings> Chooser::beside(const std::vector<Kind>& kinds, const Tree& tree, const std::string& path,
                                        const std::vector<Given>& keys) {
    const std::string section(section_of(path));
    const Kind* kind = name(kinds, tree, path);
    if (kind) return fill(kinds, *kind, tree.place, section, keys);
    refuse_unknown(kinds, nullptr, section, keys);
    return std::nullopt;
}

std::optional<std::vector<Settings>> Chooser::list(const std::vector<Kind>& kinds, const Tree& tree,
                                                   const std::string& path) {
    if (tree.form != Tree::Form::list) {
        mistakes_.add(tree.place, path,
                      fmt::format("expected a list of {}, found {}", &kinds == &schema_.layers ? "layers" : "steps",
                                  description(tree)));
        return std::nullopt;
    }
    std::vector<Settings> items;
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
        auto item = within(kinds, tree.items[i], fmt::format("{}[{}]", path, i));
        if (item) items.push_back(*std::move(item));
    }
    if (items.size() != tree.items.size()) return std::nullopt;
    return items;
}

void Chooser::refuse_unknown(const std::vector<Kind>& kinds, const Kind* chosen, const std::string& section,
                             const std::vector<Given>& keys) {
    for (const Given& given : keys) {
        if (chosen && find_key(*chosen, given.name)) continue;
        std::vector<std::string_view> owners;
        for (const Kind& kind : kinds) {
            if (find_key(kind, given.name)) owners.push_back(kind.name);
        }
        if (!owners.empty() && !chosen) continue;
        const std::string path = join(section, given.name);
        if (!owners.empty()) {
            mistakes_.add(given.place, path,
                          fmt::format("belongs to {}, not to {}", joined(owners, " and "), chosen->name));
            continue;
        }
        std::vector<std::string_view> own;
        for (const Key& key : chosen ? std::span<const Key>(chosen->keys) : std::span<const Key>()) {
            own.push_back(key.name);
        }
        mistakes_.add(given.place, path, unknown_key(section, given.name, own).message);
    }
}

std::optional<Settings> Chooser::fill(const std::vector<Kind>& kinds, const Kind& kind, const Place& place,
                                      const std::string& section, const std::vector<Given>& keys) {
    refuse_unknown(kinds, &kind, section, keys);
    Settings settings{std::string(kind.name), place.text(), {}};
    bool complete = true;
    for (const Key& key : kind.keys) {
        const auto given = std::ranges::find(keys, key.name, &Given::name);
        if (key.type == Type::layers && given != keys.end()) {
            auto list = this->list(schema_.layers, *given->value, join(section, key.name));
            complete = complete && list;
            if (list) settings.layers = *std::move(list);
            settings.values.emplace(key.name, Settings::Value());
            continue;
        }
        auto value = given == keys.end() ? default_of(kind, key, place, section)
                                         : value_of(key, *given->value, join(section, key.name));
        complete = complete && value;
        if (value) settings.values.emplace(key.name, *std::move(value));
    }
    return complete ? std::optional(std::move(settings)) : std::nullopt;
}

std::optional<Settings::Value> Chooser::value_of(const Key& key, const Tree& tree, const std::string& path) {
    if (!is_activation(key)) return check_value(key, tree, path, mistakes_);
    if (tree.form == Tree::Form::empty) return activation_;
    if (!name(schema_.activations, tree, path)) return std::nullopt;
    return tree.text;
}

std::optional<Settings::Value> Chooser::default_of(const Kind& kind, const Key& key, const Place& place,
                                                   const std::string& section) {
    if (is_activation(key) && key.fallback == "~") return activation_;
    if (const auto fallback = fallback_tree(key, place)) return value_of(key, *fallback, join(section, key.name));
    if (key.name == kind.name) {
        mistakes_.add(place, section,
                      fmt::format("{} needs a value, {{{}: {}}}", kind.name, kind.name, expectation(key)));
    } else {
        mistakes_.add(place, join(section, key.name), fmt::format("required but missing: {}", key.meaning));
    }
    return std::nullopt;
}

std::string yaml_list(const Schema& schema, const std::vector<Kind>& kinds, const std::vector<Settings>& list) {
    std::string text;
    for (const Settings& item : list)
        text += (text.empty() ? "" : ", ") + yaml_within(schema, *find_kind(kinds, item.kind), item);
    return "[" + text + "]";
}

std::string yaml_within(const Schema& schema, const Kind& kind, const Settings& settings) {
    if (kind.keys.empty()) return yaml_text(kind.name);
    const Key* const own_key = find_key(kind, kind.name);
    const auto pair = [&](const Key& key) {
        const Settings::Value& value = settings.values.find(key.name)->second;
        if (key.type == Type::layers)
            return fmt::format("{}: {}", key.name, yaml_list(schema, schema.layers, settings.layers));
        return fmt::format("{}: {}", key.name, key.type == Type::integers ? bare_value(value) : yaml_value(value));
    };
    std::string keys = own_key ? pair(*own_key) : std::string();
    for (const Key& key : kind.keys) {
        if (key.name == kind.name) continue;
        if (!keys.empty()) keys += ", ";
        keys += pair(key);
    }
    return own_key ? fmt::format("{{{}}}", keys) : fmt::format("{{{}: {{{}}}}}", kind.name, keys);
}

} // namespace elbo::config
