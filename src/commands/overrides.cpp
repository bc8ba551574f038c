#include "commands/overrides.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

namespace elbo::commands {

std::vector<std::string> overrides_of(const BenchOptions& options) {
    std::vector<std::string> overrides = options.overrides;
    if (options.batch) overrides.push_back(fmt::format("training.batch={}", *options.batch));
    if (!(options.seconds >= 0.1 && options.seconds <= 86400))
        reject("--seconds: expected a number from 0.1 to 86400, found {}", options.seconds);
    if (!options.precision.empty()) overrides.push_back("training.precision=" + options.precision);
    return overrides;
}

} // namespace elbo::commands
