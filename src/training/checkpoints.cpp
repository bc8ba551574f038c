#include "training/checkpoints.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

namespace elbo::training {

Checkpoints::Checkpoints(const comm::Communicator& world, const config::Config& config, const RunPaths& paths,
                         Trainer& trainer, Monitor& monitor, report::Terminal& terminal,
                         const storage::FolderLock* lock)
    : world_(world),
      config_(config),
      paths_(paths),
      trainer_(trainer),
      monitor_(monitor),
      terminal_(terminal),
      lock_(lock) {
    if (world.first()) saver_.emplace(paths, config.checkpoint);
}

void Checkpoints::require_lock() const {
    if (lost_lock())
        fail("{}: another process has taken over this run ({}), so this one ends without saving",
             paths_.folder.string(), lock_->lost_to());
}

void Checkpoints::write_best_again() {
    tell(saver_->wait());
    if (!missing_best_ || missing_best_->step != last_step_ || lost_lock()) return;
    Save again = *missing_best_;
    again.trouble.clear();
    saver_->write(again);
    tell(saver_->wait());
}

void Checkpoints::save(bool best) {
    const auto start = Clock::now();
    trainer_.state().seconds = monitor_.seconds();
    trainer_.enter(world_.first() ? comm::Phase::saving : comm::Phase::agreeing);
    if (saver_) write_best_again();
    trainer_.checkpoint(
        [&](std::span<const storage::NamedArray<const float>> arrays, const storage::CheckpointText& text) {
            require_lock();
            saver_->build([&](std::vector<std::byte>& image) { storage::build_checkpoint(image, arrays, text); });
        });
    last_step_ = trainer_.state().step;
    last_best_ = best;
    last_time_ = Clock::now();
    const std::chrono::duration<double> pause = last_time_ - start;
    if (saver_) saver_->write({trainer_.state().step, best, pause.count()});
    trainer_.enter(comm::Phase::agreeing);
    trainer_.clock().enter(comm::Phase::reporting);
}

void Checkpoints::tell(const std::optional<Save>& save) {
    if (!save) return;
    const auto step = static_cast<std::int64_t>(save->step);
    const std::filesystem::path path = paths_.checkpoint(save->step);
    if (save->trouble.empty()) {
        monitor_.event("save", {{"step", step},
                                {"file", path.filename().string()},
                                {"bytes", static_cast<std::int64_t>(save->bytes)},
                                {"best", save->best},
                                {"pause_seconds", save->pause_seconds},
                                {"seconds", save->seconds}});
        terminal_.detail(fmt::format("saved {} ({}, {}, training paused {})", path.string(),
                                     human_bytes(static_cast<double>(save->bytes)), human_duration(save->seconds),
                                     human_duration(save->pause_seconds)));
    } else {
        monitor_.event("save_failed", {{"step", step}, {"message", save->trouble}});
        terminal_.warning(
            fmt::format("no checkpoint of step {}: {}; training goes on", with_commas(save->step), save->trouble));
    }
    for (const std::filesystem::path& abandoned : save->abandoned) warn_of_abandoned(abandoned);
    trouble_ = save->trouble;
    if (save->best) missing_best_ = save->trouble.empty() ? std::nullopt : save;
}

void Checkpoints::warn_of_abandoned(const std::filesystem::path& checkpoint) {
    const std::string message =
        fmt::format("{}: it could not be read when the run went on from an earlier step, and is {}.abandoned now",
                    checkpoint.string(), checkpoint.filename().string());
    monitor_.event("warning", {{"message", message}});
    terminal_.warning(message);
}

void Checkpoints::finish() {
    const auto settle = [this] {
        if (saver_) tell(saver_->wait());
        return world_.most(trouble_.empty() ? 0 : 1) == 0;
    };
    if (!settle()) {
        save(last_best_);
        if (!settle()) refuse_unsaved();
    }
    world_.on_first([&] {
        if (missing_best_)
            fail("the best state so far, after step {}, could not be saved: {}; best.h5 is of an earlier one, if it is "
                 "there",
                 with_commas(missing_best_->step), missing_best_->trouble);
    });
}

void Checkpoints::refuse_unsaved() const {
    world_.on_first([&] {
        const std::vector<std::filesystem::path> kept = list_checkpoints(paths_);
        fail("the state after step {} could not be saved: {}; {}", with_commas(trainer_.state().step), trouble_,
             kept.empty() ? "the run has no checkpoint"
                          : fmt::format("the newest checkpoint is {}", kept.back().string()));
    });
}

bool Checkpoints::due_by_clock() const {
    if (!config_.checkpoint.minutes) return false;
    const std::chrono::duration<double> passed = Clock::now() - last_time_;
    return passed.count() >= 60 * *config_.checkpoint.minutes;
}

bool Checkpoints::due_by_steps() const {
    return config_.checkpoint.steps && trainer_.state().step % *config_.checkpoint.steps == 0;
}

} // namespace elbo::training
