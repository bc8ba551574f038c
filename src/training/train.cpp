// The training loop: epochs of steps, and what happens at the end of each. Read this file first.
#include "training/train.hpp"

#include "base/text.hpp"
#include "training/monitor.hpp"
#include "training/run_folder.hpp"
#include "training/start.hpp"
#include "training/trainer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <limits>

namespace elbo::training {
namespace {

/// Everything a training in its run folder holds on to.
struct Run {
    const comm::Communicator& world;
    const config::Config& config;
    RunPaths paths;
    report::Terminal& terminal;
    Trainer& trainer;
    Monitor& monitor;
};

void refuse_divergence(const Trainer& trainer, const model::Bound& bound) {
    if (std::isfinite(bound.elbo())) return;
    throw comm::AgreedError(fmt::format("training diverged: the ELBO is not finite at step {} of epoch {}; the last "
                                        "checkpoint is kept; try a lower optimizer.rate or set optimizer.clip",
                                        trainer.state().step, trainer.state().epoch + 1),
                            Exit::diverged);
}

void train_epoch(Run& run) {
    const std::uint64_t every = run.config.report.every;
    while (!run.trainer.epoch_done()) {
        run.trainer.step();
        if (every > 0 && run.trainer.state().step % every == 0) {
            run.trainer.collect();
            refuse_divergence(run.trainer, run.trainer.state().line_sum);
            run.trainer.compare_nodes();
            run.monitor.steps_done(run.trainer);
        }
        run.monitor.live(run.trainer);
    }
    run.trainer.collect();
    refuse_divergence(run.trainer, run.trainer.state().epoch_sum);
}

/// Takes an epoch's validation into the state; true where it is the best so far.
bool judge(Trainer& trainer, const std::optional<Validation>& validation) {
    if (!validation) return false;
    refuse_divergence(trainer, validation->bound);
    State& state = trainer.state();
    const double elbo = validation->bound.elbo() / static_cast<double>(validation->bound.samples);
    trainer.rate().observe(elbo);
    state.plateau = trainer.rate().plateau();
    if (state.best_epoch > 0 && elbo <= state.best) {
        ++state.waited;
        return false;
    }
    state.best = elbo;
    state.best_epoch = state.epoch + 1;
    state.waited = 0;
    return true;
}

void save(Run& run, bool best) {
    run.trainer.state().seconds = run.monitor.seconds();
    const auto start = std::chrono::steady_clock::now();
    const std::vector<std::byte> image = run.trainer.checkpoint();
    run.world.on_first([&] {
        const std::uint64_t step = run.trainer.state().step;
        const std::filesystem::path path = run.paths.checkpoint(step);
        storage::write_whole(path, image);
        storage::replace_link(run.paths.latest(), path.filename());
        if (best) storage::replace_link(run.paths.best(), path.filename());
        remove_old_checkpoints(run.paths, run.config.checkpoint.keep);
        const std::chrono::duration<double> pause = std::chrono::steady_clock::now() - start;
        run.monitor.event("save", {{"step", static_cast<std::int64_t>(step)},
                                   {"file", path.filename().string()},
                                   {"bytes", static_cast<std::int64_t>(image.size())},
                                   {"best", best},
                                   {"pause_seconds", pause.count()}});
        run.terminal.detail(fmt::format("saved {} ({}, {})", path.string(),
                                        human_bytes(static_cast<double>(image.size())), human_duration(pause.count())));
    });
}

/// Validation, metrics, picture, checkpoint, in this order.
void end_epoch(Run& run) {
    run.monitor.pause();
    const std::optional<Validation> validation = run.trainer.validate(std::numeric_limits<std::uint64_t>::max());
    const bool best = judge(run.trainer, validation);
    run.monitor.epoch_done(run.trainer, validation, best);

    State& state = run.trainer.state();
    ++state.epoch;
    state.position = 0;
    state.epoch_sum = {};
    const bool last = finished(state, run.config.training);
    const std::size_t pictures = run.config.report.pictures;
    if (pictures > 0 && (state.epoch % pictures == 0 || last))
        run.world.on_first(
            [&] { run.trainer.draw(run.paths.samples() / fmt::format("epoch-{:04}.png", state.epoch)); });
    if (state.epoch % run.config.checkpoint.every == 0 || best || last) save(run, best);
    run.world.on_first([&] { run.monitor.status("running", std::nullopt, run.trainer); });
    run.monitor.resume();
}

void conclude(Run& run) {
    const State& state = run.trainer.state();
    const bool patience_ran_out = state.epoch < run.config.training.epochs;
    std::string how = fmt::format("{}: {} epochs, {} steps in {}", patience_ran_out ? "stopped early" : "done",
                                  state.epoch, with_commas(state.step), human_duration(run.monitor.seconds()));
    if (patience_ran_out)
        how += fmt::format("; no better validation ELBO for {} epochs (training.patience)", state.waited);
    if (state.best_epoch > 0)
        how += fmt::format("; best validation ELBO {:.2f} after epoch {}", state.best, state.best_epoch);
    run.world.on_first([&] {
        run.monitor.event("finish", {{"epoch", static_cast<std::int64_t>(state.epoch)},
                                     {"step", static_cast<std::int64_t>(state.step)},
                                     {"patience_ran_out", patience_ran_out}});
        run.monitor.status("done", Exit::done, run.trainer, how);
    });
    run.terminal.outcome(how);
    run.terminal.line(fmt::format("run {}: metrics.jsonl, samples/, checkpoints/", run.paths.folder.string()));
}

/// The run's status says how it failed, where it still can be said.
void record_failure(Run& run, const Error& error) noexcept {
    try {
        const bool diverged = error.status() == Exit::diverged;
        run.monitor.event("failure", {{"message", std::string(error.what())}});
        run.monitor.status(diverged ? "diverged" : "failed", error.status(), run.trainer, error.what());
    } catch (const std::exception& second) {
        run.terminal.warning(fmt::format("the failure could not be recorded: {}", second.what()));
    }
}

} // namespace

Exit train(const comm::Communicator& world, const config::Config& config, const Options& options) {
    const auto began = std::chrono::steady_clock::now();
    report::Terminal terminal(world.first(), options.verbosity);
    const RunPaths paths{config.output};
    const Start start = look(world, paths, config, options.fresh, terminal);
    if (start.kind == Start::Kind::finished) return Exit::done;

    Trainer trainer(world, config, start.virtual_ranks);
    const std::unique_ptr<storage::FolderLock> lock = open_run(world, paths, config, start, trainer);
    if (start.kind == Start::Kind::resume)
        trainer.restore(start.found.checkpoint);
    else
        trainer.initialise();

    Monitor monitor(paths, config, terminal, world.first(), trainer);
    Run run{world, config, paths, terminal, trainer, monitor};
    try {
        announce(world, config, start, trainer, terminal, monitor);
        const std::chrono::duration<double> preparation = std::chrono::steady_clock::now() - began;
        terminal.detail(fmt::format("ready after {}", human_duration(preparation.count())));
        while (!finished(trainer.state(), config.training)) {
            train_epoch(run);
            end_epoch(run);
        }
        conclude(run);
    } catch (const Error& error) {
        record_failure(run, error);
        throw;
    }
    return Exit::done;
}

} // namespace elbo::training
