// A YAML document as a small tree that remembers where each part was written. The only part of config that knows
// yaml-cpp is tree.cpp; limits on size, depth and aliases keep hostile files from costing time or memory.
#pragma once

#include "config/config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace elbo::config {

/// Where something was written: a line of a file, a file as a whole (line 0), or an override of the command line.
struct Place {
    std::string name;         ///< the file, or "command line: training.epochs=1"
    int line = 0;             ///< from 1
    std::string override_key; ///< "training.epochs"; empty for a file

    std::string text() const; ///< "configs/mnist.yaml:12"
};

struct Tree {
    enum class Form { empty, scalar, list, map };
    struct Name {
        std::string text;
        Place place;
    };

    Form form = Form::empty;
    std::string text;        ///< of a scalar
    bool quoted = false;     ///< a quoted scalar is text, never a number, flag or nothing
    std::vector<Name> names; ///< of a map: names[i] belongs to items[i]; doubled names are kept
    std::vector<Tree> items; ///< of a list or map
    Place place;

    const Tree* find(std::string_view name) const; ///< the first item of that name, or nullptr
    Tree* find(std::string_view name);
    void erase(std::string_view name);

    static Tree scalar(std::string text, Place place);
};

/// Reads one document; an empty one is an empty tree. Throws InputError on wrong syntax ("file:line:column: ..."), more
/// than one document, keys that are not words, tags, and documents that are too large or too deep.
Tree load(const Source& source);

/// The value of an override; every part has the same place.
Tree load_value(const std::string& text, const Place& place);

/// "training" and "epochs" -> "training.epochs"; an empty section gives the name alone.
std::string join(std::string_view section, std::string_view name);

/// Text as it may be printed: control characters become '?', and what is long is cut.
std::string printable(std::string_view text, std::size_t longest = 60);

/// What stands there, for "found ...": "'abc'", "a list", "nothing".
std::string description(const Tree& tree);

/// Text as a YAML scalar, quoted where plain text would be read as something else.
std::string yaml_text(std::string_view text);

/// The tree on one line as YAML ({dense: 400, activation: relu}); a lone scalar as its bare text.
std::string one_line(const Tree& tree);

} // namespace elbo::config
