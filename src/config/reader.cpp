// From a tree with overrides put in to Config: every core key looked up, checked, bound, and written out resolved.
#include "config/reader.hpp"

#include "base/text.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::config {
namespace {

bool is_set(const Tree* tree) { return tree && tree->form != Tree::Form::empty; }

} // namespace

Config Reader::read(const Tree& root) {
    if (root.form == Tree::Form::map) {
        gather(root, "");
    } else if (root.form != Tree::Form::empty) {
        mistakes_.add(root.place, "", fmt::format("expected a map of keys, found {}", description(root)));
        return {};
    }
    refuse_strays();
    settle_rivals();
    for (const CoreKey& row : core_keys()) read_key(row, root);
    check_together(root);
    fill_output();
    config_.resolved = resolved();
    return std::move(config_);
}

void Reader::gather(const Tree& map, const std::string& section) {
    for (std::size_t i = 0; i < map.items.size(); ++i) {
        const Tree::Name& name = map.names[i];
        const std::string path = join(section, name.text);
        if (core_key(path) && name.text.find('.') == std::string::npos) {
            given_.emplace(path, &map.items[i]);
        } else if (is_section(path) && name.text.find('.') == std::string::npos) {
            gather_section(map.items[i], path);
        } else {
            strays_[section].push_back({name.text, name.place, &map.items[i]});
        }
    }
}

void Reader::gather_section(const Tree& tree, const std::string& path) {
    const CoreKey* short_form = short_form_of(path);
    if (tree.form == Tree::Form::map) {
        gather(tree, path);
    } else if (is_short_form(short_form, tree)) {
        given_.emplace(short_form->key.name, &tree);
    } else if (tree.form != Tree::Form::empty) {
        mistakes_.add(tree.place, path,
                      fmt::format("expected {}a map of keys, found {}; known: {}",
                                  short_form ? expectation(short_form->key) + " or " : "", description(tree),
                                  joined(names_in(path))));
    }
}

/// Those beside a choice are left to the choice, which knows its kinds' keys.
void Reader::refuse_strays() {
    for (const auto& [section, strays] : strays_) {
        if (choice_beside(section)) continue;
        for (const Given& stray : strays) {
            const auto [message, suggested] = unknown_key(section, stray.name, {});
            suggested_.insert(suggested);
            mistakes_.add(stray.place, join(section, stray.name), message);
        }
    }
}

/// Of two keys that exclude each other one may be given: the other's default is then no longer wanted.
void Reader::settle_rivals() {
    for (const CoreKey& row : core_keys()) {
        const auto mine = given_.find(row.key.name), other = given_.find(row.rival);
        if (row.rival.empty() || mine == given_.end() || other == given_.end()) continue;
        if (is_set(mine->second) && is_set(other->second) && &row > core_key(row.rival)) {
            mistakes_.add(mine->second->place, row.key.name,
                          fmt::format("given together with {}; give one of them", row.rival));
        }
    }
}

bool Reader::was_misspelt(std::string_view path) const {
    return std::ranges::any_of(suggested_, [&](const std::string& suggested) {
        return !suggested.empty() && (path == suggested || path.starts_with(suggested + "."));
    });
}

void Reader::read_key(const CoreKey& row, const Tree& root) {
    const Key& key = row.key;
    const std::string path(key.name);
    const auto found = given_.find(path);
    const Tree* tree = found == given_.end() ? nullptr : found->second;
    std::optional<Tree> fallback;
    if (!tree || (!row.rival.empty() && !is_set(tree))) {
        const auto rival = given_.find(row.rival);
        fallback = fallback_tree(key, root.place);
        if (rival != given_.end() && is_set(rival->second)) fallback = Tree();
        if (!fallback) {
            Place whole = root.place;
            whole.line = 0;
            if (!was_misspelt(path)) mistakes_.add(whole, path, fmt::format("required but missing: {}", key.meaning));
            return;
        }
        tree = &*fallback;
    }
    if (key.type == Type::choice) return read_choice(row, *tree);
    if (key.type == Type::layers || key.type == Type::steps) return read_list(row, *tree);
    const bool unset = !row.rival.empty() && tree->form == Tree::Form::empty;
    const auto value = unset ? Settings::Value() : check_value(key, *tree, path, mistakes_);
    if (!value) return;
    row.store(config_, {*value, {}, {}});
    const bool list = key.type == Type::integers;
    leaves_.emplace_back(path, list ? bare_value(*value) : yaml_value(*value));
    const auto* const texts = std::get_if<std::vector<std::string>>(&*value);
    if (list || std::holds_alternative<std::monostate>(*value) || (texts && texts->size() > 1)) return;
    scalars_[path] = bare_value(*value);
    if (row.short_form) scalars_[std::string(section_of(path))] = bare_value(*value);
}

void Reader::read_choice(const CoreKey& row, const Tree& tree) {
    const std::string path(row.key.name);
    const std::vector<Kind>& kinds = schema_.*row.kinds;
    if (row.stand == Stand::name) {
        if (!chooser_.name(kinds, tree, path)) return;
        row.store(config_, {tree.text, {}, {}});
        leaves_.emplace_back(path, yaml_text(tree.text));
        scalars_[path] = tree.text;
        return;
    }
    const std::string section(section_of(path));
    const bool beside = row.stand == Stand::beside;
    const auto settings =
        beside ? chooser_.beside(kinds, tree, path, strays_[section]) : chooser_.within(kinds, tree, path);
    if (!settings) return;
    row.store(config_, {settings->kind, *settings, {}});
    const Kind& kind = *find_kind(kinds, settings->kind);
    scalars_[path] = settings->kind;
    leaves_.emplace_back(path, beside ? yaml_text(settings->kind) : yaml_within(schema_, kind, *settings));
    for (const Key& key : kind.keys) {
        const Settings::Value& value = settings->values.find(key.name)->second;
        const std::string owner = beside ? section : find_key(kind, kind.name) ? path : join(path, kind.name);
        if (beside) leaves_.emplace_back(join(owner, key.name), yaml_value(value));
        if (!std::holds_alternative<std::monostate>(value)) scalars_[join(owner, key.name)] = bare_value(value);
    }
}

void Reader::read_list(const CoreKey& row, const Tree& tree) {
    const std::string path(row.key.name);
    if (tree.form == Tree::Form::empty && row.key.fallback == "~") {
        leaves_.emplace_back(path, "~");
        return;
    }
    chooser_.set_activation(scalars_["model.activation"]);
    const std::vector<Kind>& kinds = schema_.*row.kinds;
    const auto list = chooser_.list(kinds, tree, path);
    if (!list) return;
    row.store(config_, {{}, {}, *list});
    leaves_.emplace_back(path, yaml_list(schema_, kinds, *list));
}

void Reader::check_together(const Tree& root) {
    const auto add = [&](const char* key, const char* message) {
        const auto given = given_.find(key);
        mistakes_.add(given == given_.end() ? root.place : given->second->place, key, message);
    };
    const bool validates = !config_.data.validation.empty() || config_.data.validation_fraction;
    if (config_.training.patience && !validates && !was_misspelt("data.validation"))
        add("training.patience", "needs data.validation: it waits for a better validation ELBO");
    if (config_.training.accumulate > 1 && config_.training.virtual_ranks)
        add("training.accumulate",
            "says what training.virtual_ranks says: ranks at the first start times rounds; give one of them");
    if (config_.training.exact && config_.communication.precision != Precision::fp32)
        add("communication.precision",
            "bf16 makes the last bits depend on the number of nodes, which training.exact forbids; give one of them");
}

void Reader::fill_output() {
    const auto given = given_.find("output");
    if (given == given_.end() || config_.output.empty()) return;
    scalars_.erase("output");
    config_.output = filled(config_.output, given->second->place);
    const auto leaf = std::ranges::find(leaves_, std::string("output"), &std::pair<std::string, std::string>::first);
    leaf->second = yaml_text(config_.output);
}

std::string Reader::filled(const std::string& pattern, const Place& place) {
    std::string text;
    for (std::size_t begin = 0; begin < pattern.size();) {
        const std::size_t open = std::min(pattern.find_first_of("{}", begin), pattern.size());
        text += pattern.substr(begin, open - begin);
        if (open == pattern.size()) break;
        const std::size_t close = pattern.find('}', open);
        if (pattern[open] == '}' || close == std::string::npos) {
            mistakes_.add(place, "output", fmt::format("'{}' has a brace without its partner", printable(pattern)));
            break;
        }
        text += placeholder(pattern.substr(open + 1, close - open - 1), place);
        begin = close + 1;
    }
    return text;
}

std::string Reader::placeholder(const std::string& key, const Place& place) {
    const auto scalar = scalars_.find(key);
    if (scalar != scalars_.end()) {
        if (scalar->second.find_first_of("{}") == std::string::npos) return scalar->second;
        mistakes_.add(place, "output", fmt::format("{{{}}} stands for text that has braces itself", key));
        return {};
    }
    const CoreKey* row = core_key(key);
    const bool single = row && row->key.type != Type::layers && row->key.type != Type::steps &&
                        row->key.type != Type::integers && key != "output";
    if (std::ranges::find(leaves_, std::pair(key, std::string("~"))) != leaves_.end()) {
        mistakes_.add(place, "output", fmt::format("{{{}}} stands for a key that is not set", key));
    } else if (!single) { // a single value that is missing here has a mistake of its own
        std::vector<std::string_view> known;
        for (const auto& [name, value] : scalars_) known.push_back(name);
        const std::string_view close = nearest_word(key, known);
        mistakes_.add(place, "output",
                      fmt::format("{{{}}} is no key with a single value{}", printable(key),
                                  close.empty() ? "" : fmt::format("; did you mean {{{}}}?", close)));
    }
    return {};
}

/// The leaves as YAML, each section's name once as the leaves of a section follow each other.
std::string Reader::resolved() const {
    std::string text;
    std::vector<std::string> open;
    for (const auto& [path, yaml] : leaves_) {
        std::vector<std::string> sections;
        for (std::string_view section = section_of(path); !section.empty(); section = section_of(section)) {
            sections.insert(sections.begin(), std::string(section));
        }
        for (std::size_t depth = 0; depth < sections.size(); ++depth) {
            if (depth < open.size() && open[depth] == sections[depth]) continue;
            text += fmt::format("{}{}:\n", std::string(2 * depth, ' '), name_of(sections[depth]));
        }
        text += fmt::format("{}{}: {}\n", std::string(2 * sections.size(), ' '), name_of(path), yaml);
        open = std::move(sections);
    }
    return text;
}

} // namespace elbo::config
