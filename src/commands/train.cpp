// `elbo train`: the configuration is read by rank 0 and handed to all, then every rank trains.
#include "training/train.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

namespace elbo::commands {
namespace {

training::TraceSettings trace_settings(const TrainOptions& options) {
    training::TraceSettings settings{options.trace, std::nullopt};
    if (options.trace.empty() && !options.trace_steps.empty()) reject("--trace-steps needs --trace FILE");
    if (!options.trace.empty() && options.rehearse) reject("--rehearse writes no trace; leave --trace out");
    if (!options.trace_steps.empty()) settings.steps = training::parse_trace_steps(options.trace_steps);
    return settings;
}

} // namespace

Exit train(const TrainOptions& options) {
    if (options.reference) {
        fmt::print("{}", options.markdown ? config::reference_markdown(training::schema())
                                          : config::reference_text(training::schema()));
        return Exit::done;
    }
    if (options.configuration.empty())
        reject("train: a configuration is needed: elbo train CONFIG [key=value ...]; all keys: elbo train --reference");
    if (options.print_output) {
        const config::Source source = config::read_source(options.configuration);
        fmt::print("{}\n", config::parse(source, options.overrides, training::schema()).output);
        return Exit::done;
    }

    const training::Options how{options.fresh, options.verbosity, trace_settings(options)};
    return on_ranks([&](const comm::Communicator& world) {
        const config::Config config = read_configuration(world, options.configuration, options.overrides);
        return options.rehearse ? training::rehearse(world, config, how) : training::train(world, config, how);
    });
}

} // namespace elbo::commands
