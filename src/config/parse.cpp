// The entry to reading a configuration: the file's tree, the overrides, the check of everything, one error for all.
#include "config/config.hpp"

#include "config/mistakes.hpp"
#include "config/overrides.hpp"
#include "config/reader.hpp"
#include "config/tree.hpp"

namespace elbo::config {

Config parse(const Source& source, const std::vector<std::string>& overrides, const Schema& schema) {
    Mistakes mistakes;
    Tree root = load(source);
    refuse_doubled(root, "", mistakes);
    apply_overrides(root, overrides, mistakes);
    Config config = Reader(schema, mistakes).read(root);
    mistakes.raise();
    return config;
}

} // namespace elbo::config
