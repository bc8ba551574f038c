// `elbo train`: the configuration is read by rank 0 and handed to all, then every rank trains.
#include "training/train.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/output_file.hpp"
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

/// The table of keys, or where the run would go.
void print_asked(const TrainOptions& options) {
    if (options.reference) {
        fmt::print("{}", options.markdown ? config::reference_markdown(training::schema())
                                          : config::reference_text(training::schema()));
        return;
    }
    const config::Source source = config::read_source(options.configuration);
    fmt::print("{}\n", config::parse(source, options.overrides, training::schema()).output);
}

void require_trace(const TrainOptions& options, const config::Config& config) {
    if (options.trace.empty()) return;
    const CommandFiles files{{{"--trace", options.trace}}, {options.configuration}, config.output};
    files.require();
    files.refuse_run(config.output);
    for (const auto* texts : {&config.data.train, &config.data.validation, &config.data.labels})
        files.refuse_sources(*texts);
}

} // namespace

Exit train(const TrainOptions& options) {
    if (options.markdown && !options.reference) reject("--markdown is of --reference");
    if (options.configuration.empty() && !options.reference)
        reject("train: a configuration is needed: elbo train CONFIG [key=value ...]; all keys: elbo train --reference");
    if (options.reference || options.print_output) return on_first_process([&] { print_asked(options); });

    const training::Options how{options.fresh, options.verbosity, trace_settings(options)};
    return on_ranks([&](const comm::Communicator& world) {
        const config::Config config = read_configuration(world, options.configuration, options.overrides);
        world.on_first([&] { require_trace(options, config); });
        return options.rehearse ? training::rehearse(world, config, how) : training::train(world, config, how);
    });
}

} // namespace elbo::commands
