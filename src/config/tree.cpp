// Reading YAML through yaml-cpp into Tree, and writing scalars so that they read back as they were.
#include "config/tree.hpp"

#include "base/error.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

namespace elbo::config {
namespace {

constexpr std::size_t largest_text = std::size_t{1} << 20;
constexpr std::size_t deepest = 32;
constexpr std::size_t most_nodes = 20'000;

std::size_t count_nodes(const Tree& tree) {
    std::size_t count = 1;
    for (const Tree& item : tree.items) count += count_nodes(item);
    return count;
}

/// Bytes of names and scalars.
std::size_t text_of(const Tree& tree) {
    std::size_t bytes = tree.text.size();
    for (const Tree::Name& name : tree.names) bytes += name.text.size();
    for (const Tree& item : tree.items) bytes += text_of(item);
    return bytes;
}

std::size_t depth_of(const Tree& tree) {
    std::size_t deepest_item = 0;
    for (const Tree& item : tree.items) deepest_item = std::max(deepest_item, depth_of(item) + 1);
    return deepest_item;
}

/// Builds the tree from the parser's events. An alias becomes a copy of what it names, counted against the limits: so a
/// chain of them cannot grow without end, nor contain itself.
class Builder : public YAML::EventHandler {
public:
    Builder(const Place& place, bool count_lines) : place_(place), count_lines_(count_lines) { root_.place = place; }

    Tree take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (begun_) reject("{}: text after the end of the YAML document, expected one document", at(mark).text());
        begun_ = true;
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        count(1, 0, at(mark));
        add(empty(mark), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto named = anchors_.find(anchor);
        if (named == anchors_.end()) reject("{}: an alias stands within what it names", at(mark).text());
        count(count_nodes(named->second), text_of(named->second), at(mark));
        if (open_.size() + depth_of(named->second) > deepest) {
            reject("{}: nested deeper than {} levels", at(mark).text(), deepest);
        }
        add(named->second, 0);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        check_tag(mark, tag);
        count(1, text.size(), at(mark));
        Tree tree = Tree::scalar(text, at(mark));
        tree.quoted = tag == "!";
        add(std::move(tree), anchor);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Tree::Form::list);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Tree::Form::map);
    }
    void OnMapEnd() override { close(); }

private:
    struct Container {
        Tree tree;
        YAML::anchor_t anchor;
    };

    Place at(const YAML::Mark& mark) const {
        Place place = place_;
        if (count_lines_) place.line = std::max(mark.line + 1, 1);
        return place;
    }

    Tree empty(const YAML::Mark& mark) const {
        Tree tree;
        tree.place = at(mark);
        return tree;
    }

    void check_tag(const YAML::Mark& mark, const std::string& tag) const {
        if (tag.empty() || tag == "?" || tag == "!") return; // plain and quoted
        reject("{}: the tag '{}' is not understood here; leave it out", at(mark).text(), printable(tag));
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Tree::Form form) {
        check_tag(mark, tag);
        if (open_.size() >= deepest) reject("{}: nested deeper than {} levels", at(mark).text(), deepest);
        count(1, 0, at(mark));
        open_.push_back({empty(mark), anchor});
        open_.back().tree.form = form;
    }

    void close() {
        Container done = std::move(open_.back());
        open_.pop_back();
        add(std::move(done.tree), done.anchor);
    }

    /// Before memory is taken for them.
    void count(std::size_t nodes, std::size_t text, const Place& place) {
        nodes_ += nodes;
        text_ += text;
        if (nodes_ > most_nodes) {
            reject("{}: more than {} values, aliases counted each time", place.text(), most_nodes);
        }
        if (text_ > largest_text) {
            reject("{}: more than {} bytes of text, aliases counted each time; a configuration has at most as many",
                   place.text(), largest_text);
        }
    }

    /// In a map names and values take turns.
    void add(Tree tree, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = tree;
        if (open_.empty()) {
            root_ = std::move(tree);
            return;
        }
        Tree& container = open_.back().tree;
        if (container.form == Tree::Form::map && container.names.size() == container.items.size()) {
            if (tree.form != Tree::Form::scalar) reject("{}: a key must be a word", tree.place.text());
            container.names.push_back({std::move(tree.text), std::move(tree.place)});
        } else {
            container.items.push_back(std::move(tree));
        }
    }

    Place place_;
    bool count_lines_;
    bool begun_ = false;
    std::size_t nodes_ = 0, text_ = 0; ///< counted so far; bytes of text
    std::vector<Container> open_;
    std::map<YAML::anchor_t, Tree> anchors_;
    Tree root_;
};

/// The first line, up to this one, that begins with white space of which some is a tab; lines count from 0.
std::optional<int> line_indented_by_tab(const std::string& text, int last) {
    std::istringstream lines(text);
    std::string line;
    for (int number = 0; number <= last && std::getline(lines, line); ++number)
        if (line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string::npos) return number;
    return {};
}

Tree load_text(const std::string& text, const Place& place, bool count_lines) {
    if (text.size() > largest_text) {
        reject("{}: {} bytes; a configuration has at most {}", place.text(), text.size(), largest_text);
    }
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        Builder builder(place, count_lines);
        while (parser.HandleNextDocument(builder)) {
        }
        return builder.take();
    } catch (const YAML::Exception& error) {
        if (!count_lines || error.mark.is_null()) reject("{}: not YAML: {}", place.text(), printable(error.msg, 200));
        if (const std::optional<int> tab = line_indented_by_tab(text, error.mark.line))
            reject("{}:{}: a tab; YAML indents by spaces alone", place.name, *tab + 1);
        reject("{}:{}:{}: not YAML: {}", place.name, error.mark.line + 1, error.mark.column + 1,
               printable(error.msg, 200));
    }
}

bool reads_as_something_else(std::string_view text) {
    constexpr std::array<std::string_view, 6> special = {"~", "null", "Null", "NULL", "true", "false"};
    if (std::ranges::find(special, text) != special.end()) return true;
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error != std::errc::invalid_argument && end == text.data() + text.size();
}

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// Never with a space, comma or bracket, so that it is plain within {} and [] too.
bool is_plain(std::string_view text) {
    constexpr std::string_view first = "_./", later = "_./:+-=@%";
    if (text.empty() || text.back() == ':' || text.starts_with("...")) return false;
    if (!is_letter_or_digit(text.front()) && first.find(text.front()) == std::string_view::npos) return false;
    return std::ranges::all_of(
        text, [&](char c) { return is_letter_or_digit(c) || later.find(c) != std::string_view::npos; });
}

std::string one_line_within(const Tree& tree) {
    if (tree.form == Tree::Form::empty) return "~";
    if (tree.form == Tree::Form::scalar) return tree.quoted ? yaml_text(tree.text) : tree.text;
    std::string line;
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
        if (i > 0) line += ", ";
        if (tree.form == Tree::Form::map) line += yaml_text(tree.names[i].text) + ": ";
        line += one_line_within(tree.items[i]);
    }
    return tree.form == Tree::Form::map ? "{" + line + "}" : "[" + line + "]";
}

} // namespace

Source read_source(const std::string& path) {
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text(largest_text + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad()) {
        reject("{}: the configuration cannot be read: {}", path, std::strerror(errno != 0 ? errno : EIO));
    }
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > largest_text) reject("{}: larger than {} bytes; is it a configuration?", path, largest_text);
    return {path, std::move(text)};
}

std::string Place::text() const { return line > 0 ? fmt::format("{}:{}", name, line) : name; }

const Tree* Tree::find(std::string_view name) const {
    const auto found = std::ranges::find(names, name, &Name::text);
    return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

Tree* Tree::find(std::string_view name) { return const_cast<Tree*>(std::as_const(*this).find(name)); }

void Tree::erase(std::string_view name) {
    for (std::size_t i = names.size(); i-- > 0;) {
        if (names[i].text != name) continue;
        names.erase(names.begin() + static_cast<std::ptrdiff_t>(i));
        items.erase(items.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

Tree Tree::scalar(std::string text, Place place) {
    Tree tree;
    tree.form = Form::scalar;
    tree.text = std::move(text);
    tree.place = std::move(place);
    return tree;
}

Tree load(const Source& source) { return load_text(source.text, {source.name, 0, ""}, true); }

Tree load_value(const std::string& text, const Place& place) { return load_text(text, place, false); }

std::string join(std::string_view section, std::string_view name) {
    return section.empty() ? std::string(name) : fmt::format("{}.{}", section, name);
}

std::string printable(std::string_view text, std::size_t longest) {
    std::string shown(text.substr(0, longest));
    std::ranges::replace_if(
        shown, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    return text.size() > longest ? shown + "..." : shown;
}

std::string description(const Tree& tree) {
    switch (tree.form) {
    case Tree::Form::empty:
        return "nothing";
    case Tree::Form::scalar:
        return fmt::format("'{}'", printable(tree.text));
    case Tree::Form::list:
        return "a list";
    case Tree::Form::map:
        return "a map";
    }
    return {};
}

std::string yaml_text(std::string_view text) {
    if (is_plain(text) && !reads_as_something_else(text)) return std::string(text);
    std::string quoted = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

std::string one_line(const Tree& tree) { return tree.form == Tree::Form::scalar ? tree.text : one_line_within(tree); }

} // namespace elbo::config
