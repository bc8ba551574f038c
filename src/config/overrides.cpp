// Overrides of the command line, put into the tree of the file.
#include "config/overrides.hpp"

#include "base/error.hpp"
#include "config/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

namespace elbo::config {
namespace {

constexpr std::size_t longest_shown = 80;
constexpr std::size_t most_parts = 8;

/// The parts between the dots, and those in brackets with them: model, encoder, [0], dense. Empty where a part is empty
/// or there are too many.
std::vector<std::string_view> split(std::string_view key) {
    std::vector<std::string_view> parts;
    for (std::size_t begin = 0; begin <= key.size();) {
        const std::size_t end = std::min(key.find_first_of(".[", begin + 1), key.size());
        if (end <= begin || key[begin] == '.' || parts.size() == most_parts) return {};
        parts.push_back(key.substr(begin, end - begin));
        begin = end < key.size() && key[end] == '[' ? end : end + 1;
    }
    return parts;
}

/// The item of that name in a map, which what is none becomes, added empty where there is none.
Tree& item(Tree& map, std::string_view name, const Place& place) {
    if (map.form != Tree::Form::map) {
        Tree empty;
        empty.form = Tree::Form::map;
        empty.place = map.place;
        map = std::move(empty);
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
    tree.place = value.place;
    item(tree, name_of(row->key.name), value.place) = value;
}

/// The item of a list that "[2]" is, or nullptr.
Tree* element(Tree& list, std::string_view part) {
    std::size_t number = 0;
    const char* const end = part.data() + part.size();
    const auto [after, error] = std::from_chars(part.data() + 1, end, number);
    if (error != std::errc() || std::string_view(after, end) != "]") return nullptr;
    return number < list.items.size() ? &list.items[number] : nullptr;
}

/// What is wrong with a part of a key that is to name something within a tree; empty where nothing is.
std::string wrong_part(const Tree& tree, std::string_view path, std::string_view part, bool found) {
    const bool is_list = tree.form == Tree::Form::list;
    if (part.front() != '[') {
        if (!is_list) return "";
        const bool is_number = part.find_first_not_of("0123456789") == part.npos;
        return fmt::format("{0} is a list; name one of its items, as in {0}{1}", path,
                           is_number ? fmt::format("[{}]", part) : fmt::format("[0].{}", part));
    }
    if (!is_list) return fmt::format("{} is {}, not a list", path.empty() ? "the whole" : path, description(tree));
    if (found) return "";
    if (tree.items.empty()) return fmt::format("{} has no items", path);
    return fmt::format("{} has the items [0] to [{}]", path, tree.items.size() - 1);
}

/// Returns what is wrong, empty where nothing is.
std::string put(Tree& root, std::string key, const Tree& value) {
    if (const CoreKey* row = short_form_of(key); is_short_form(row, value)) key = row->key.name;
    Tree* parent = nullptr;
    Tree* tree = &root;
    std::string path;
    const std::vector<std::string_view> parts = split(key);
    for (const std::string_view part : parts) {
        write_out_short_form(*tree, path);
        const bool by_number = part.front() == '[';
        Tree* const of_list = by_number && tree->form == Tree::Form::list ? element(*tree, part) : nullptr;
        if (std::string wrong = wrong_part(*tree, path, part, of_list != nullptr); !wrong.empty()) return wrong;
        parent = tree;
        tree = by_number ? of_list : &item(*parent, part, value.place);
        path = by_number ? fmt::format("{}{}", path, part) : join(path, part);
    }
    *tree = value;
    if (parent->form == Tree::Form::list) return "";
    std::ranges::find(parent->names, parts.back(), &Tree::Name::text)->place = value.place;
    const CoreKey* row = core_key(key);
    if (row && !row->rival.empty() && value.form != Tree::Form::empty) parent->erase(name_of(row->rival));
    return "";
}

} // namespace

void apply_overrides(Tree& root, const std::vector<std::string>& overrides, Mistakes& mistakes) {
    if (root.form != Tree::Form::map && root.form != Tree::Form::empty) return; // no configuration, as its reader says
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
            if (const std::string wrong = put(root, key, value); !wrong.empty()) mistakes.add(place, key, wrong);
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
