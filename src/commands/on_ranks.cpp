#include "commands/on_ranks.hpp"

#include "base/verdict.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace elbo::commands {
namespace {

/// An error that only this rank knows of ends all ranks: they would wait for this one.
[[noreturn]] void end_all(const comm::Communicator& world, const Verdict& verdict) {
    complain(fmt::format("rank {} on {}: {}", world.rank(), world.host(), verdict.message));
    comm::abort_all(verdict.status);
}

} // namespace

Exit on_ranks(const std::function<Exit(const comm::Communicator& world)>& work) {
    comm::Session session;
    const comm::Communicator& world = session.world();
    try {
        return work(world);
    } catch (const comm::AgreedError& error) {
        if (world.first()) complain(error.what());
        return error.status();
    } catch (const std::exception& error) {
        if (world.size() == 1) throw;
        end_all(world, verdict_of(error));
    }
}

Exit on_first_process(const std::function<void()>& work) {
    if (comm::launched_rank() == 0) work();
    return Exit::done;
}

config::Config read_configuration(const comm::Communicator& world, const std::string& path,
                                  const std::vector<std::string>& overrides) {
    config::Config config;
    world.on_first([&] { config = config::parse(config::read_source(path), overrides, training::schema()); });
    const std::string resolved = world.broadcast(config.resolved);
    if (!world.first()) config = config::parse({path, resolved}, {}, training::schema());
    return config;
}

} // namespace elbo::commands
