#include "training/monitor.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::training {
namespace {

double seconds_between(std::chrono::steady_clock::time_point begin, std::chrono::steady_clock::time_point end) {
    return std::chrono::duration<double>(end - begin).count();
}

std::uint64_t samples_done(const Trainer& trainer) {
    return trainer.state().epoch * trainer.train_data().size() + trainer.state().position;
}

/// What status.json calls a run that ended by an error.
std::string_view state_after(const Verdict& verdict) {
    return verdict.status == Exit::diverged ? "diverged" : "failed";
}

/// What a train line tells of its last step.
void add_step(report::Metrics& line, const State& state) {
    line.rate = state.rate;
    line.kl_weight = state.kl_weight;
    if (state.gradient_norm > 0) line.gradient_norm = state.gradient_norm;
}

} // namespace

Monitor::Monitor(const RunPaths& paths, const config::Config& config, report::Terminal& terminal, bool speaks,
                 const Trainer& trainer, const storage::FolderLock* lock)
    : paths_(paths),
      config_(config),
      terminal_(terminal),
      speaks_(speaks),
      lock_(lock),
      seconds_before_(trainer.state().seconds),
      begin_{0, samples_done(trainer)},
      line_(begin_),
      epoch_(begin_) {}

/// A log that closes writes what waits; not into what is another's by now.
Monitor::~Monitor() {
    if (!lost_lock()) return;
    for (storage::AppendLog* log : logs()) log->forget();
}

void Monitor::open(const Trainer& trainer) {
    if (!writes()) return;
    events_.emplace(paths_.events());
    metrics_.emplace(paths_.metrics());
    if (metrics_->bytes() > trainer.state().metrics_bytes) metrics_->cut(trainer.state().metrics_bytes);
    if (config_.report.tensorboard) tensorboard_.emplace(paths_, config_, trainer.state(), trainer.train_data().size());
    busy_since_ = Clock::now(); // opening files is no step
}

std::vector<storage::AppendLog*> Monitor::logs() {
    std::vector<storage::AppendLog*> open;
    for (std::optional<storage::LineLog>* log : {&metrics_, &events_})
        if (*log) open.push_back(&(*log)->log());
    if (tensorboard_) open.push_back(&tensorboard_->log());
    return open;
}

void Monitor::pause() {
    busy_ += seconds_between(busy_since_, Clock::now());
    paused_ = true;
}

void Monitor::resume() {
    busy_since_ = Clock::now();
    paused_ = false;
}

double Monitor::seconds() const { return seconds_before_ + seconds_between(start_, Clock::now()); }

Monitor::Mark Monitor::now(const Trainer& trainer) const {
    return {busy_ + (paused_ ? 0 : seconds_between(busy_since_, Clock::now())), samples_done(trainer)};
}

double Monitor::seconds_left(const Trainer& trainer) const {
    const std::uint64_t done = samples_done(trainer), all = config_.training.epochs * trainer.train_data().size();
    if (done == begin_.samples) return 0;
    return seconds_between(start_, Clock::now()) * static_cast<double>(all - std::min(all, done)) /
           static_cast<double>(done - begin_.samples);
}

report::Metrics Monitor::metrics(std::string_view over, const model::Bound& sum, Mark since,
                                 const Trainer& trainer) const {
    const Mark until = now(trainer);
    report::Metrics metrics{"train", over};
    metrics.epoch = trainer.state().epoch + 1;
    metrics.step = trainer.state().step;
    metrics.samples = sum.samples;
    metrics.reconstruction = sum.reconstruction / static_cast<double>(sum.samples);
    metrics.kl = sum.kl / static_cast<double>(sum.samples);
    metrics.seconds = seconds();
    metrics.samples_per_second = static_cast<double>(until.samples - since.samples) / (until.busy - since.busy);
    return metrics;
}

void Monitor::write(Trainer& trainer, const report::Metrics& metrics) {
    if (!writes()) return;
    const std::string line = report::metrics_line(metrics);
    metrics_->append(line);
    trainer.state().metrics_bytes = metrics_->bytes();
    warn_of(metrics_->trouble());
    if (!tensorboard_) return;
    const bool within_steps = !paused_; // whose time this is not
    if (within_steps) pause();
    tensorboard_->line(line);
    warn_of(tensorboard_->log().trouble());
    if (within_steps) resume();
}

void Monitor::steps_done(Trainer& trainer) {
    if (trainer.state().line_sum.samples == 0) return; // every step since the last line was skipped
    const Mark mark = now(trainer);
    report::Metrics line = metrics("steps", trainer.state().line_sum, line_, trainer);
    add_step(line, trainer.state());
    last_elbo_ = line.elbo();
    write(trainer, line);
    trainer.state().line_sum = {};
    line_ = mark;
}

void Monitor::epoch_done(Trainer& trainer, const std::optional<Validation>& validation, bool best) {
    report::Metrics line = metrics("epoch", trainer.state().epoch_sum, epoch_, trainer);
    add_step(line, trainer.state());
    last_elbo_ = line.elbo();
    write(trainer, line);

    report::EpochLine shown{line.epoch, config_.training.epochs, line.reconstruction, line.kl};
    if (validation) {
        report::Metrics check = line;
        check.kind = "validation";
        check.over = "";
        const auto samples = static_cast<double>(validation->bound.samples);
        check.samples = validation->bound.samples;
        check.reconstruction = validation->bound.reconstruction / samples;
        check.kl = validation->bound.kl / samples;
        check.samples_per_second = samples / validation->seconds;
        check.rate = check.kl_weight = check.gradient_norm = std::nullopt;
        check.active_units = validation->active_units();
        if (validation->weighted) check.weighted = {validation->weighted->draws, validation->weighted->value};
        shown.weighted = check.weighted;
        write(trainer, check);
        shown.validation_elbo = check.elbo();
        if (writes() && tensorboard_ && validation->histograms)
            tensorboard_->histograms(line.step, *validation->histograms);
    }
    shown.best = best;
    shown.samples_per_second = line.samples_per_second;
    shown.seconds_left = seconds_left(trainer);
    terminal_.epoch(shown);
    epoch_ = now(trainer);
}

void Monitor::picture(const Trainer& trainer, const std::filesystem::path& png) {
    if (tensorboard_) attempt(tensorboard_->log().path(), [&] { tensorboard_->picture(trainer.state().step, png); });
}

void Monitor::skipped(const Trainer& trainer, const std::string& why) {
    const State& state = trainer.state();
    terminal_.warning(fmt::format("step {} is skipped: {}", state.step, why));
    event("skip", {{"step", static_cast<std::int64_t>(state.step)},
                   {"skipped", static_cast<std::int64_t>(state.skipped)},
                   {"message", why}});
}

void Monitor::live(const Trainer& trainer) {
    if (!terminal_.wants_live()) return;
    const Mark mark = now(trainer);
    const std::uint64_t samples = mark.samples - begin_.samples;
    terminal_.live({fmt::format("epoch {}/{}", trainer.state().epoch + 1, config_.training.epochs),
                    static_cast<double>(trainer.state().position) / static_cast<double>(trainer.train_data().size()),
                    last_elbo_ == 0 ? "" : fmt::format("ELBO {:.2f}", last_elbo_),
                    static_cast<double>(samples) / std::max(mark.busy, 1e-9), seconds_left(trainer)});
}

void Monitor::event(std::string_view name, const report::Fields& fields) {
    if (!writes() || !events_) return;
    events_->append(report::event_line(name, fields));
    warn_of(events_->trouble());
}

void Monitor::status(std::string_view state, std::optional<Exit> exit, const Trainer& trainer,
                     const std::string& message) {
    const State& at = trainer.state();
    report::Fields fields = {{"epoch", static_cast<std::int64_t>(at.epoch)},
                             {"epochs", static_cast<std::int64_t>(config_.training.epochs)},
                             {"step", static_cast<std::int64_t>(at.step)}};
    if (last_elbo_ != 0) fields.emplace_back("elbo", last_elbo_);
    if (at.best_epoch > 0) {
        fields.emplace_back("best_validation_elbo", at.best);
        fields.emplace_back("best_epoch", static_cast<std::int64_t>(at.best_epoch));
    }
    if (!message.empty()) fields.emplace_back("message", message);
    attempt(paths_.status(), [&] { storage::write_whole(paths_.status(), report::status_text(state, exit, fields)); });
    if (writes() && tensorboard_ && exit) tensorboard_->end(*exit);
}

void Monitor::attempt(const std::filesystem::path& file, const std::function<void()>& write) {
    if (!writes()) return;
    try {
        write();
        lost_.erase(file);
    } catch (const std::exception& error) {
        lost_[file] = verdict_of(error).message;
        warn_of(lost_[file]);
    }
}

void Monitor::warn_of(const std::string& trouble) {
    if (trouble.empty() || trouble == warned_) return;
    terminal_.warning(trouble + "; training goes on");
    warned_ = trouble;
}

std::string Monitor::trouble() {
    if (!writes()) return "";
    for (storage::AppendLog* log : logs()) {
        log->flush();
        if (!log->trouble().empty()) return log->trouble();
    }
    return lost_.empty() ? "" : lost_.begin()->second;
}

void Monitor::failure(const Verdict& verdict, const Trainer& trainer) noexcept {
    try {
        event("failure", {{"message", verdict.message}});
        status(state_after(verdict), verdict.status, trainer, verdict.message);
    } catch (const std::exception& second) {
        terminal_.warning(fmt::format("the failure could not be recorded: {}", second.what()));
    }
}

void Monitor::failed_from_elsewhere(const Verdict& verdict) const {
    std::error_code ignored;
    if (lost_lock() || !std::filesystem::exists(paths_.status(), ignored)) return;
    storage::write_whole(paths_.status(),
                         report::status_text(state_after(verdict), verdict.status, {{"message", verdict.message}}));
}

} // namespace elbo::training
