// The training loop: epochs of steps, and what happens at the end of each. Read this file first.
#include "training/train.hpp"

#include "base/text.hpp"
#include "base/verdict.hpp"
#include "training/accounting.hpp"
#include "training/announce.hpp"
#include "training/checkpoints.hpp"
#include "training/collapse.hpp"
#include "training/data_start.hpp"
#include "training/latent_file.hpp"
#include "training/monitor.hpp"
#include "training/run_folder.hpp"
#include "training/start.hpp"
#include "training/stop.hpp"
#include "training/trace.hpp"
#include "training/trainer.hpp"
#include "training/watching.hpp"

#include <fmt/format.h>

#include <algorithm>
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
    Checkpoints checkpoints;
    LatentFile latents;
    TimeLimit limit;
    Watching watching;
    Trace trace;
    std::uint64_t first_step;    ///< after which this process began
    std::uint64_t first_samples; ///< seen before, over all epochs
    bool limit_is_up = false;    ///< as rank 0's clock says
};

std::uint64_t samples_seen(const Trainer& trainer) {
    return trainer.state().epoch * trainer.train_data().size() + trainer.state().position;
}

/// What this rank wants all to do after the next step.
void say_wishes(Run& run) {
    if (StopSignals::asked()) run.trainer.wish(comm::Wish::stop);
    if (!run.world.first()) return;
    if (run.checkpoints.lost_lock()) run.trainer.wish(comm::Wish::stop);
    if (run.config.training.time_limit && run.limit.is_up(run.checkpoints.expected_seconds())) run.limit_is_up = true;
    if (run.limit_is_up) run.trainer.wish(comm::Wish::stop);
    if (run.checkpoints.due_by_clock()) run.trainer.wish(comm::Wish::save);
}

void save(Run& run, bool best) {
    run.monitor.pause();
    run.checkpoints.save(best);
    run.monitor.resume();
}

/// A line of metrics over the steps since the last.
void write_line(Run& run) {
    run.trainer.collect();
    run.trainer.compare_nodes();
    run.monitor.steps_done(run.trainer);
    run.watching.tell();
}

/// Steps until the epoch's end; false where it was agreed to stop before.
bool train_epoch(Run& run) {
    const std::uint64_t every = run.config.report.every;
    while (!run.trainer.epoch_done()) {
        say_wishes(run);
        const StepOutcome outcome = run.trainer.step();
        if (!outcome.skipped.empty()) run.monitor.skipped(run.trainer, outcome.skipped);
        if (every > 0 && run.trainer.state().step % every == 0) write_line(run);
        run.monitor.live(run.trainer);
        run.checkpoints.tell();
        run.trace.after_step(run.checkpoints);
        if (outcome.stop) return false;
        if ((outcome.save || run.checkpoints.due_by_steps()) && !run.trainer.epoch_done()) save(run, false);
    }
    run.trainer.collect();
    if (run.trainer.state().epoch_sum.samples == 0)
        throw comm::AgreedError(fmt::format("training diverged: every step of epoch {} was skipped "
                                            "(training.on_nan); try a lower optimizer.rate or set optimizer.clip",
                                            run.trainer.state().epoch + 1),
                                Exit::diverged);
    return true;
}

/// Takes an epoch's validation into the state; true where it is the best so far.
bool judge(Trainer& trainer, const std::optional<Validation>& validation) {
    if (!validation) return false;
    State& state = trainer.state();
    const double elbo = validation->bound.mean_elbo();
    if (!std::isfinite(elbo))
        throw comm::AgreedError(fmt::format("training diverged: the validation ELBO after epoch {} is not finite; the "
                                            "checkpoint from before is kept; try a lower optimizer.rate",
                                            state.epoch + 1),
                                Exit::diverged);
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

void draw(Run& run) {
    const std::filesystem::path picture =
        run.paths.samples() / fmt::format("epoch-{:04}.png", run.trainer.state().epoch);
    if (!run.world.first()) return;
    run.trainer.enter(comm::Phase::picture);
    run.monitor.attempt(picture, [&] { run.trainer.draw(picture); });
    run.monitor.picture(run.trainer, picture);
    run.trainer.enter(comm::Phase::agreeing);
    run.trainer.clock().enter(comm::Phase::reporting);
}

/// Validation, metrics, picture, checkpoint, in this order.
void end_epoch(Run& run) {
    run.monitor.pause();
    const std::optional<Validation> validation = run.trainer.validate(std::numeric_limits<std::uint64_t>::max());
    const bool best = judge(run.trainer, validation);
    run.monitor.epoch_done(run.trainer, validation, best);
    look_for_collapse(run.config, validation, run.trainer, run.terminal, run.monitor);

    State& state = run.trainer.state();
    ++state.epoch;
    state.position = 0;
    state.epoch_sum = {};
    const bool last = finished(state, run.config.training);
    const std::size_t pictures = run.config.report.pictures, epochs = run.config.checkpoint.epochs;
    if (best) run.latents.write(*validation);
    if (pictures > 0 && (state.epoch % pictures == 0 || last)) draw(run);
    const bool asked = run.world.most(run.checkpoints.due_by_clock() ? 1 : 0) != 0 || run.checkpoints.due_by_steps();
    if ((epochs > 0 && state.epoch % epochs == 0) || asked || best || last) run.checkpoints.save(best);
    run.monitor.status("running", std::nullopt, run.trainer);
    run.watching.tell();
    run.monitor.resume();
}

/// Everything is written, or AgreedError says what is not.
void complete(Run& run) {
    run.checkpoints.finish();
    run.world.on_first([&] {
        run.checkpoints.require_lock();
        if (const std::string trouble = run.monitor.trouble(); !trouble.empty())
            fail("the run is not complete on the disk: {}", trouble);
    });
}

/// Where this process's time went: the table, advice and the event. Collective.
void account(Run& run) {
    const Trainer& trainer = run.trainer;
    account_for_reading(run.world, trainer, samples_seen(trainer) - run.first_samples, run.terminal, run.monitor);
    const std::vector<RankAccounts> ranks = gather_accounts(run.world, Accounts(trainer.clock().times()));
    if (!run.world.first()) return;
    const StepShape shape{trainer.state().step - run.first_step,
                          data::largest_shard(trainer.batch(), static_cast<std::uint64_t>(run.world.size())),
                          trainer.nodes().count(), trainer.model().parameters().size(), trainer.optimizer_states()};
    const std::vector<std::string> advice = accounting_advice(ranks, shape);
    run.terminal.line("");
    for (const std::string& line : accounting_table(ranks, shape.steps, run.terminal.columns()))
        run.terminal.line(line);
    for (const std::string& sentence : advice) run.terminal.paragraph("- " + sentence, 2);
    run.terminal.line("");
    run.monitor.event("accounting", accounting_event(ranks, shape, advice));
}

Exit conclude(Run& run) {
    run.trace.finish(run.checkpoints);
    complete(run);
    account(run);
    const State& state = run.trainer.state();
    const bool patience_ran_out = state.epoch < run.config.training.epochs;
    std::string how = fmt::format("{}: {} epochs, {} steps in {}", patience_ran_out ? "stopped early" : "done",
                                  state.epoch, with_commas(state.step), human_duration(run.monitor.seconds()));
    if (patience_ran_out)
        how += fmt::format("; no better validation ELBO for {} epochs (training.patience)", state.waited);
    if (state.skipped > 0) how += fmt::format("; {} steps skipped (training.on_nan)", with_commas(state.skipped));
    if (state.best_epoch > 0)
        how += fmt::format("; best validation ELBO {:.2f} after epoch {}", state.best, state.best_epoch);
    run.monitor.event("finish", {{"epoch", static_cast<std::int64_t>(state.epoch)},
                                 {"step", static_cast<std::int64_t>(state.step)},
                                 {"patience_ran_out", patience_ran_out}});
    run.monitor.status("done", Exit::done, run.trainer, how);
    run.terminal.outcome(how);
    run.terminal.line(fmt::format("run {}: metrics.jsonl, samples/, checkpoints/", run.paths.folder.string()));
    return Exit::done;
}

/// Why it was agreed to stop, from the first rank that knows. Collective.
std::string reason_to_stop(const Run& run) {
    std::string own = StopSignals::name();
    if (run.limit_is_up) own = "training.time_limit";
    const std::vector<std::string> all = run.world.gather(own);
    const auto known = std::ranges::find_if(all, [](const std::string& reason) { return !reason.empty(); });
    return known == all.end() ? "" : *known;
}

Exit stop_early(Run& run) {
    run.world.on_first([&] { run.checkpoints.require_lock(); });
    const std::string reason = reason_to_stop(run);
    run.terminal.line(fmt::format("stopping after step {} ({})", with_commas(run.trainer.state().step), reason));
    if (!run.checkpoints.up_to_date()) run.checkpoints.save(false);
    run.trace.finish(run.checkpoints);
    complete(run);
    account(run);
    const State& state = run.trainer.state();
    const std::string how = fmt::format("stopped early at step {} ({}) with a checkpoint; the same command goes on",
                                        with_commas(state.step), reason);
    run.monitor.event("stop", {{"step", static_cast<std::int64_t>(state.step)}, {"reason", reason}});
    run.monitor.status("stopped early", Exit::stopped_early, run.trainer, how);
    run.terminal.outcome(how);
    return Exit::stopped_early;
}

Exit train_epochs(Run& run) {
    while (!finished(run.trainer.state(), run.config.training)) {
        const bool stops = StopSignals::asked() || run.limit_is_up || run.checkpoints.lost_lock();
        if (run.world.most(stops ? 1 : 0) != 0) return stop_early(run);
        if (!train_epoch(run)) return stop_early(run);
        end_epoch(run);
    }
    return conclude(run);
}

/// An error that this rank alone knows of: the others will be ended.
void record_lonely_failure(const comm::Communicator& world, const Monitor& monitor, const Verdict& verdict) noexcept {
    try {
        monitor.failed_from_elsewhere(
            {fmt::format("rank {} on {}: {}", world.rank(), world.host(), verdict.message), verdict.status});
    } catch (const std::exception&) {
        // What matters is said on the terminal.
    }
}

} // namespace

Exit train(const comm::Communicator& world, const config::Config& given, const Options& options) {
    const auto began = std::chrono::steady_clock::now();
    const StopSignals signals;
    report::Terminal terminal(world.first(), options.verbosity);
    const RunPaths paths{given.output};
    const Start start = look(world, paths, given, options.fresh, terminal);
    if (start.kind == Start::Kind::finished) return Exit::done;
    const config::Config config = settled(world, given, start.found);

    Trainer trainer(world, config, start.virtual_ranks, [&](const comm::Nodes& nodes, const config::Config& settings) {
        return read_inputs(nodes, settings, start.virtual_ranks, shown_on(terminal));
    });
    const bool resumes = start.kind == Start::Kind::resume;
    const Taken taken = resumes ? Taken() : trainer.initialise(); // may refuse model.start: before there is a folder
    const std::unique_ptr<storage::FolderLock> lock = open_run(world, paths, config, start, trainer);
    if (resumes) trainer.restore(start.found.checkpoint);

    Monitor monitor(paths, config, terminal, world.first(), trainer, lock.get());
    try {
        world.on_first([&] { monitor.open(trainer); });
        announce(world, config, start, taken, trainer, terminal, monitor);
        Run run{world,
                config,
                paths,
                terminal,
                trainer,
                monitor,
                {world, config, paths, trainer, monitor, terminal, lock.get()},
                {world, config, paths, trainer, monitor},
                TimeLimit(config.training.time_limit, began),
                {world, trainer, config.communication, monitor},
                {world, options.trace, trainer, monitor, terminal},
                trainer.state().step,
                samples_seen(trainer)};
        trainer.clock().enter(comm::Phase::reporting);
        if (resumes) run.checkpoints.resumed();
        const std::chrono::duration<double> preparation = std::chrono::steady_clock::now() - began;
        terminal.detail(fmt::format("ready after {}", human_duration(preparation.count())));
        return train_epochs(run);
    } catch (const comm::AgreedError& error) {
        monitor.failure(verdict_of(error), trainer);
        throw;
    } catch (const std::exception& error) {
        if (world.size() == 1)
            monitor.failure(verdict_of(error), trainer);
        else
            record_lonely_failure(world, monitor, verdict_of(error));
        throw;
    }
}

} // namespace elbo::training
