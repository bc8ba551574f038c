#include "commands/overrides.hpp"

#include "base/error.hpp"
#include "commands/output_file.hpp"

#include <fmt/format.h>

namespace elbo::commands {

std::vector<std::string> overrides_of(const BenchOptions& options) {
    std::vector<std::string> overrides = options.overrides;
    if (options.batch && *options.batch == 0) reject("--batch 0: expected a number from 1 on");
    if (options.batch) overrides.push_back(fmt::format("training.batch={}", *options.batch));
    if (!(options.seconds >= 0.1 && options.seconds <= 86400))
        reject("--seconds: expected a number from 0.1 to 86400, found {}", options.seconds);
    if (!options.precision.empty() && options.precision != "fp32" && options.precision != "bf16")
        reject("--precision {}: expected fp32 or bf16", options.precision);
    if (!options.precision.empty()) overrides.push_back("training.precision=" + options.precision);
    return overrides;
}

void require_json(const comm::Communicator& world, const BenchOptions& options) {
    const CommandFiles files{{{"--json", options.json == "-" ? "" : options.json}}, {options.configuration}};
    world.on_first([&] { files.require(); });
}

} // namespace elbo::commands
