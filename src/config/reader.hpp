// From a tree with overrides put in to Config: every core key looked up, checked, bound, and written out resolved.
#pragma once

#include "config/choices.hpp"
#include "config/keys.hpp"
#include "config/mistakes.hpp"
#include "config/tree.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace elbo::config {

class Reader {
public:
    Reader(const Schema& schema, Mistakes& mistakes)
        : chooser_(schema, mistakes), schema_(schema), mistakes_(mistakes) {}

    /// Whatever is wrong becomes a mistake; the result counts where there is none.
    Config read(const Tree& root);

private:
    void gather(const Tree& map, const std::string& section);
    void gather_section(const Tree& tree, const std::string& path);
    void refuse_strays();
    void settle_rivals();
    void read_key(const CoreKey& row, const Tree& root);
    void read_choice(const CoreKey& row, const Tree& tree);
    void read_list(const CoreKey& row, const Tree& tree);
    void check_together(const Tree& root);
    void fill_output();
    std::string filled(const std::string& pattern, const Place& place);
    std::string placeholder(const std::string& key, const Place& place);
    std::string resolved() const;
    bool was_misspelt(std::string_view path) const;

    Chooser chooser_;
    const Schema& schema_;
    Mistakes& mistakes_;
    Config config_;
    std::map<std::string, const Tree*, std::less<>> given_;         ///< of core keys, by path
    std::map<std::string, std::vector<Given>, std::less<>> strays_; ///< by section, what is no core key
    std::set<std::string> suggested_;                               ///< what misspelt keys were meant for
    std::vector<std::pair<std::string, std::string>> leaves_;       ///< path and YAML, in the table's order
    std::map<std::string, std::string, std::less<>> scalars_;       ///< bare values for {key}
};

} // namespace elbo::config
