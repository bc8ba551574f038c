// Overrides of the command line, put into the tree of the file.
#include "config/overrides.hpp"

#include "base/error.hpp"
#include "config/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace elbo::config {
namespace {

constexpr std::size_t longest_shown = 80;
constexpr std::size_t most_parts = 8;

/// The parts between the dots; empty where a part is empty or there are too many.
std::vector<std::string_view> split(std::string_view key) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0; begin <= key.size();) {
        const std::size_t end = std::min(key.find('.', begin), key.size());
        if (end == begin || parts.size() == most_parts) return {};
        parts.push_back(key.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

/// The item of that name in a map, added empty where there is none.
Tree& item(Tree& map, std::string_view name, const Place& place) {
    if (map.form != Tree::Form::map) {
        map = Tree();
        map.form = Tree::Form::map;
        map.place = place;
    }
    if (Tree* found = map.find(name)) return *found;
    map.names.push_back({std::string(name), place});
    map.items.emplace_back().place = place;
    return map.items.back();
}

/// A section written in its short form becomes the map that it is short for.
void write_out_short_form(Tree& tree, std::string_view section) {
    const CoreKey* row = short_form_of(section);
    if (!is_short_form(row, tree)) return;
    const Tree value = tree;
    tree = Tree();
    item(tree, name_of(row->key.name), value.place) = value;
}

void put(Tree& root, std::string key, const Tree& value) {
    if (const CoreKey* row = short_form_of(key); is_short_form(row, value)) key = row->key.name;
    Tree* parent = nullptr;
    Tree* tree = &root;
    std::string path;
    for (std::string_view part : split(key)) {
        write_out_short_form(*tree, path);
        parent = tree;
        tree = &item(*parent, part, value.place);
        path = join(path, part);
    }
    *tree = value;
    const auto name = std::ranges::find(parent->names, name_of(key), &Tree::Name::text);
    name->place = value.place;
    const CoreKey* row = core_key(key);
    if (row && !row->rival.empty() && value.form != Tree::Form::empty) parent->erase(name_of(row->rival));
}

} // namespace

void apply_overrides(Tree& root, const std::vector<std::string>& overrides, Mistakes& mistakes) {
    for (const std::string& text : overrides) {
        const std::size_t equals = text.find('=');
        const std::string key = text.substr(0, equals);
        const Place place{"command line: " + printable(text, longest_shown), 0, key};
        if (equals == std::string::npos || split(key).empty()) {
            mistakes.add({place.name, 0, "="}, "", "expected key=value, such as training.epochs=40");
            continue;
        }
        try {
            const Tree value = load_value(text.substr(equals + 1), place);
            refuse_doubled(value, key, mistakes);
            put(root, key, value);
        } catch (const InputError& error) {
            // load_value's messages begin with the place, as do those of the list.
            const std::string_view message = error.what();
            mistakes.add(place, key, message.substr(std::min(message.size(), place.name.size() + 2)));
        }
    }
}

void refuse_doubled(const Tree& tree, const std::string& path, Mistakes& mistakes) {
    std::map<std::string_view, const Place*> first;
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
        if (tree.form == Tree::Form::list) {
            refuse_doubled(tree.items[i], fmt::format("{}[{}]", path, i), mistakes);
            continue;
        }
        const Tree::Name& name = tree.names[i];
        const std::string name_path = join(path, name.text);
        const auto [earlier, is_new] = first.emplace(name.text, &name.place);
        if (!is_new) {
            const Place& before = *earlier->second;
            mistakes.add(name.place, name_path,
                         before.line > 0 ? fmt::format("doubled key; it stands on line {} already", before.line)
                                         : std::string("doubled key"));
        }
        refuse_doubled(tree.items[i], name_path, mistakes);
    }
}

} // namespace elbo::config
