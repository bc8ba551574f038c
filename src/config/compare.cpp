// What differs between two resolved configurations, key by key, and what each difference means for a run.
#include "config/config.hpp"

#include "config/keys.hpp"
#include "config/leaves.hpp"
#include "config/tree.hpp"
#include "config/values.hpp"

#include <algorithm>

namespace elbo::config {
namespace {

using Leaves = std::vector<std::pair<std::string, std::string>>;

/// Values by path; a core key's value is one leaf, whatever stands in it, and so is a section's short form.
void flatten(const Tree& tree, const std::string& path, Leaves& leaves) {
    if (tree.form != Tree::Form::map || core_key(path)) {
        const CoreKey* const meant = core_key(path) ? nullptr : short_form_of(path);
        if (!path.empty()) leaves.emplace_back(meant ? std::string(meant->key.name) : path, one_line(tree));
        return;
    }
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
        flatten(tree.items[i], join(path, tree.names[i].text), leaves);
    }
}

} // namespace

std::vector<std::pair<std::string, std::string>> leaves_of(const std::string& text) {
    Leaves leaves;
    flatten(load({"configuration", text}), "", leaves);
    return leaves;
}

namespace {

struct Row {
    std::string path;
    Effect effect;
};

/// Every path that a resolved configuration can have, in the table's order.
std::vector<Row> all_rows(const Schema& schema) {
    std::vector<Row> rows;
    for (const CoreKey& core : core_keys()) {
        rows.push_back({std::string(core.key.name), core.key.effect});
        if (core.stand != Stand::beside) continue;
        for (const Kind& kind : schema.*core.kinds) {
            for (const Key& key : kind.keys) {
                const std::string path = join(section_of(core.key.name), key.name);
                if (std::ranges::find(rows, path, &Row::path) == rows.end()) rows.push_back({path, key.effect});
            }
        }
    }
    return rows;
}

} // namespace

namespace {

/// A resolved configuration of an earlier elbo lacks keys that came later; their defaults are what it did.
void add_later_keys(Leaves& leaves) {
    for (const CoreKey& core : core_keys()) {
        if (std::ranges::find(leaves, core.key.name, &Leaves::value_type::first) != leaves.end()) continue;
        if (const auto fallback = fallback_tree(core.key, {})) leaves.emplace_back(core.key.name, one_line(*fallback));
    }
}

} // namespace

std::vector<std::string> key_names(const Schema& schema) {
    std::vector<std::string> names;
    for (Row& row : all_rows(schema)) names.push_back(std::move(row.path));
    return names;
}

std::vector<Assignment> assignments(const std::string& resolved, const Schema& schema) {
    const std::vector<Row> rows = all_rows(schema);
    std::vector<Assignment> found;
    for (auto& [path, value] : leaves_of(resolved)) {
        const auto row = std::ranges::find(rows, path, &Row::path);
        found.push_back({path, value, row == rows.end() ? Effect::model : row->effect});
    }
    return found;
}

std::vector<Difference> compare(const std::string& before, const std::string& after, const Schema& schema) {
    Leaves old_leaves = leaves_of(before), new_leaves = leaves_of(after);
    add_later_keys(old_leaves);
    add_later_keys(new_leaves);
    std::vector<Row> rows = all_rows(schema);
    for (const Leaves* leaves : {&old_leaves, &new_leaves}) {
        for (const auto& [path, value] : *leaves) {
            // A key that another version of the program had: who knows what it meant.
            if (std::ranges::find(rows, path, &Row::path) == rows.end()) rows.push_back({path, Effect::model});
        }
    }
    const auto value_in = [](const Leaves& leaves, const std::string& path) {
        const auto found = std::ranges::find(leaves, path, &Leaves::value_type::first);
        return found == leaves.end() ? std::string("(none)") : found->second;
    };
    std::vector<Difference> differences;
    for (const Row& row : rows) {
        std::string old_value = value_in(old_leaves, row.path), new_value = value_in(new_leaves, row.path);
        if (old_value == new_value) continue;
        differences.push_back({row.path, std::move(old_value), std::move(new_value), row.effect});
    }
    return differences;
}

} // namespace elbo::config
