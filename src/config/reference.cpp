// The reference of all keys, generated from the tables: for the terminal, and as a page of Markdown.
#include "config/config.hpp"

#include "base/text.hpp"
#include "config/keys.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace elbo::config {
namespace {

constexpr std::string_view introduction[] = {
    "A configuration is a YAML file of the keys below; a dot stands for a map within a map. Any key can be overridden "
    "on the command line as key=value, the value being YAML: training.epochs=40, model.encoder=[{dense: 100}], "
    "model.encoder[0].dense=100 for the first item of a list. Of two keys that exclude each other the override removes "
    "the file's. {key} in output stands for another key's value.",
    "A name is chosen as a word, with keys of its own as {name: {key: value}}, or, where it has a key of the same "
    "name, "
    "as {name: value, key: value}. The keys of optimizer.kind and optimizer.rate.decay stand beside them. "
    "A single value for optimizer.rate is short for optimizer.rate.start.",
    "Numbers are decimal (inf and nan are refused); an integer may be written as any whole number (1e3). Flags are "
    "true or false. ~ leaves a key unset where that is its default.",
    "What a change does to a run that already has a checkpoint: where it is refused, the key makes it another model or "
    "other data; where it is allowed, the run goes on with the new value, and both values are recorded; where the "
    "result stays the same, only what is written, where and how often changes.",
};

struct Entry {
    std::string name, expected, fallback, meaning, change;
};

/// A kind with its own keys, or, without a name, core keys.
struct Part {
    std::string name, meaning;
    std::vector<Entry> entries;
};

struct Group {
    std::string title;
    std::vector<Part> parts;
};

std::string change_text(Effect effect) {
    switch (effect) {
    case Effect::model:
        return "refused";
    case Effect::trajectory:
        return "allowed";
    case Effect::none:
        return "allowed, same result";
    }
    return {};
}

std::string default_text(const Key& key) {
    if (key.fallback.empty()) return "required";
    return key.fallback == "~" ? "unset" : std::string(key.fallback);
}

Entry core_entry(const CoreKey& row, const Schema& schema) {
    const Key& key = row.key;
    std::string expected = expectation(key);
    if (key.type == Type::choice) expected = "one of " + joined(kind_names(schema.*row.kinds));
    if (key.type == Type::layers || key.type == Type::steps) expected += ": " + joined(kind_names(schema.*row.kinds));
    return {std::string(key.name), expected, default_text(key), std::string(key.meaning), change_text(key.effect)};
}

Entry kind_entry(const Key& key) {
    Entry entry{std::string(key.name), expectation(key), default_text(key), std::string(key.meaning),
                change_text(key.effect)};
    if (key.type == Type::choice || key.name == "activation") {
        entry.expected = "one of those of model.activation";
        if (key.fallback == "~") entry.fallback = "that of model.activation";
    }
    return entry;
}

std::vector<Group> core_groups(const Schema& schema) {
    std::vector<Group> groups;
    for (const CoreKey& row : core_keys()) {
        const std::string_view name = row.key.name;
        const std::string section(section_of(name).substr(0, name.find('.')));
        if (groups.empty() || groups.back().title != section) groups.push_back({section, {Part{}}});
        groups.back().parts[0].entries.push_back(core_entry(row, schema));
    }
    groups.front().title = "run";
    return groups;
}

/// A group for each table of kinds, titled by the keys that choose from it.
std::vector<Group> kind_groups(const Schema& schema) {
    std::vector<Group> groups;
    std::vector<const std::vector<Kind>*> done;
    for (const CoreKey& row : core_keys()) {
        if (!row.kinds || std::ranges::find(done, &(schema.*row.kinds)) != done.end()) continue;
        done.push_back(&(schema.*row.kinds));
        std::vector<std::string_view> chosen_by;
        for (const CoreKey& other : core_keys()) {
            if (other.kinds == row.kinds) chosen_by.push_back(other.key.name);
        }
        Group group{"values of " + joined(chosen_by, " and "), {}};
        for (const Kind& kind : schema.*row.kinds) {
            Part part{std::string(kind.name), std::string(kind.meaning), {}};
            for (const Key& key : kind.keys) part.entries.push_back(kind_entry(key));
            group.parts.push_back(std::move(part));
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

std::vector<Group> all_groups(const Schema& schema) {
    std::vector<Group> groups = core_groups(schema);
    std::ranges::move(kind_groups(schema), std::back_inserter(groups));
    return groups;
}

std::string cell(std::string_view text) {
    std::string escaped;
    for (char c : text) {
        if (c == '|') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

} // namespace

std::string reference_text(const Schema& schema) {
    std::string text;
    for (std::string_view paragraph : introduction) text += wrapped(paragraph, 0) + "\n\n";
    for (const Group& group : all_groups(schema)) {
        text += group.title + "\n";
        for (const Part& part : group.parts) {
            const std::size_t indent = part.name.empty() ? 2 : 4;
            if (!part.name.empty()) text += wrapped(part.name + ": " + part.meaning, 2) + "\n";
            for (const Entry& entry : part.entries) {
                const std::string required = entry.fallback == "required" ? "" : "default: ";
                text += wrapped(entry.name + ": " + entry.expected + "; " + required + entry.fallback, indent) + "\n";
                text += wrapped(fmt::format("{} (a change is {})", entry.meaning, entry.change), indent + 4) + "\n";
            }
        }
        text += "\n";
    }
    text.pop_back();
    return text;
}

std::string reference_markdown(const Schema& schema) {
    std::string text = "# Configuration\n\nWhat `elbo train --reference` prints, as a page.\n";
    for (std::string_view paragraph : introduction) text += fmt::format("\n{}\n", paragraph);
    for (const Group& group : all_groups(schema)) {
        text += fmt::format("\n## {}\n", group.title);
        for (const Part& part : group.parts) {
            if (!part.name.empty()) text += fmt::format("\n`{}`: {}\n", part.name, part.meaning);
            if (part.entries.empty()) continue;
            text += "\n| key | value | default | meaning | a change is |\n|---|---|---|---|---|\n";
            for (const Entry& entry : part.entries) {
                text += fmt::format("| `{}` | {} | {} | {} | {} |\n", cell(entry.name), cell(entry.expected),
                                    cell(entry.fallback), cell(entry.meaning), cell(entry.change));
            }
        }
    }
    return text;
}

} // namespace elbo::config
