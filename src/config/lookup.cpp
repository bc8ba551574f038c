// What the tables of keys and kinds answer.
#include "config/keys.hpp"

#include "config/tree.hpp"

#include <algorithm>

namespace elbo::config {

const CoreKey* core_key(std::string_view path) {
    const auto found = std::ranges::find(core_keys(), path, [](const CoreKey& row) { return row.key.name; });
    return found == core_keys().end() ? nullptr : &*found;
}

std::string_view section_of(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::string_view name_of(std::string_view path) {
    const std::size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

bool is_section(std::string_view path) {
    return std::ranges::any_of(core_keys(), [&](const CoreKey& row) {
        return row.key.name.size() > path.size() && row.key.name.starts_with(path) && row.key.name[path.size()] == '.';
    });
}

const CoreKey* short_form_of(std::string_view section) {
    const auto found = std::ranges::find_if(
        core_keys(), [&](const CoreKey& row) { return row.short_form && section_of(row.key.name) == section; });
    return found == core_keys().end() ? nullptr : &*found;
}

bool is_short_form(const CoreKey* row, const Tree& tree) {
    if (row == nullptr) return false;
    return tree.form == Tree::Form::scalar || (tree.form == Tree::Form::list && row->key.type == Type::paths);
}

const CoreKey* choice_beside(std::string_view section) {
    const auto found = std::ranges::find_if(core_keys(), [&](const CoreKey& row) {
        return row.stand == Stand::beside && section_of(row.key.name) == section;
    });
    return found == core_keys().end() ? nullptr : &*found;
}

std::vector<std::string_view> names_in(std::string_view section) {
    std::vector<std::string_view> names;
    for (const CoreKey& row : core_keys()) {
        std::string_view rest = row.key.name;
        if (!section.empty()) {
            if (!rest.starts_with(section) || rest.size() <= section.size() || rest[section.size()] != '.') continue;
            rest.remove_prefix(section.size() + 1);
        }
        const std::string_view name = rest.substr(0, rest.find('.'));
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    return names;
}

const Kind* find_kind(const std::vector<Kind>& kinds, std::string_view name) {
    const auto found = std::ranges::find(kinds, name, &Kind::name);
    return found == kinds.end() ? nullptr : &*found;
}

const Key* find_key(const Kind& kind, std::string_view name) {
    const auto found = std::ranges::find(kind.keys, name, &Key::name);
    return found == kind.keys.end() ? nullptr : &*found;
}

std::vector<std::string_view> kind_names(const std::vector<Kind>& kinds) {
    std::vector<std::string_view> names;
    for (const Kind& kind : kinds) names.push_back(kind.name);
    return names;
}

} // namespace elbo::config
