// `elbo train`: the configuration is read by rank 0 and handed to all, then every rank trains.
#include "training/train.hpp"
#include "comm/communicator.hpp"
#include "commands/commands.hpp"
#include "config/config.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace elbo::commands {
namespace {

config::Config read_configuration(const comm::Communicator& world, const TrainOptions& options) {
    config::Config config;
    world.on_first([&] {
        config = config::parse(config::read_source(options.configuration), options.overrides, training::schema());
    });
    const std::string resolved = world.broadcast(config.resolved);
    if (!world.first()) config = config::parse({options.configuration, resolved}, {}, training::schema());
    return config;
}

/// An error that only this rank knows of ends all ranks: they would wait for this one.
[[noreturn]] void end_all(const comm::Communicator& world, const std::string& message, Exit status) {
    fmt::print(stderr, "elbo: rank {} on {}: {}\n", world.rank(), world.host(), message);
    comm::abort_all(status);
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

    comm::Session session;
    const comm::Communicator& world = session.world();
    try {
        const config::Config config = read_configuration(world, options);
        const training::Options how{options.fresh, options.verbosity};
        return options.rehearse ? training::rehearse(world, config, how) : training::train(world, config, how);
    } catch (const comm::AgreedError& error) {
        if (world.first()) fmt::print(stderr, "elbo: {}\n", error.what());
        return error.status();
    } catch (const Error& error) {
        if (world.size() == 1) throw;
        end_all(world, error.what(), error.status());
    } catch (const std::exception& error) {
        if (world.size() == 1) throw;
        end_all(world, error.what(), Exit::failure);
    }
}

} // namespace elbo::commands
