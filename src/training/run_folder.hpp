// The folder of a run: what lies where, what a start of a configuration finds there, and keeping its checkpoints few.
#pragma once

#include "config/config.hpp"
#include "report/records.hpp"
#include "report/terminal.hpp"
#include "training/state.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace elbo::training {

/// Paths of a run.
struct RunPaths {
    /// "runs/a/" is "runs/a".
    explicit RunPaths(std::filesystem::path run);

    std::filesystem::path folder;
    std::filesystem::path configuration() const { return folder / "configuration.yaml"; }
    std::filesystem::path metrics() const { return folder / "metrics.jsonl"; }
    std::filesystem::path events() const { return folder / "events.jsonl"; }
    std::filesystem::path status() const { return folder / "status.json"; }
    std::filesystem::path checkpoints() const { return folder / "checkpoints"; }
    std::filesystem::path latents() const { return folder / "latents.h5"; }
    std::filesystem::path samples() const { return folder / "samples"; }
    std::filesystem::path latest() const { return checkpoints() / "latest.h5"; }
    std::filesystem::path best() const { return checkpoints() / "best.h5"; }
    std::filesystem::path checkpoint(std::uint64_t step) const;
};

/// What a start finds in the output folder.
struct Found {
    bool run = false;                         ///< a run of elbo is there
    std::filesystem::path checkpoint;         ///< its newest undamaged one; empty: none
    std::filesystem::path newest;             ///< damaged or not
    State state;                              ///< of that checkpoint
    std::string train_data, validation_data;  ///< fingerprints of the data it was trained on
    std::optional<std::size_t> block, window; ///< of the run's order, where the configuration leaves them open
    std::vector<config::Difference> changes;  ///< keys that differ from the run's, all allowed to
    std::vector<std::string> warnings;        ///< damaged checkpoints that were passed over
};

/// True where a run's configuration or checkpoints are.
bool holds_run(const RunPaths& paths);

/// Looks without touching anything. Throws InputError where the folder holds something else, where every checkpoint is
/// damaged, or listing each key that may not change with both its values.
Found examine(const RunPaths& paths, const config::Config& config);

/// True where the configuration asks for no further epoch: all done, or patience was exhausted.
bool finished(const State& state, const config::Training& training);

/// Renames the folder to the first free "<folder>.1", "<folder>.2" ...; returns the new name.
std::filesystem::path move_aside(const std::filesystem::path& folder);

/// Checkpoints of a run, oldest first.
std::vector<std::filesystem::path> list_checkpoints(const RunPaths& paths);

/// The file that best.h5 or latest.h5 stands for today: tomorrow the link will be to another one. Where a link is
/// missing, best's falls back to latest's, and that to the newest; nothing where the run has no checkpoint.
std::optional<std::filesystem::path> best_checkpoint(const RunPaths& paths);
std::optional<std::filesystem::path> latest_checkpoint(const RunPaths& paths);

/// Removes the oldest of those up to step `saved`, which has just been, until `keep` of them are left; the one that
/// best.h5 points to is kept besides.
void remove_old_checkpoints(const RunPaths& paths, std::uint64_t saved, std::size_t keep);

/// Renames those of later steps than `saved`, which the run could not read when it went on from an earlier one, to
/// "<name>.abandoned", but for the one that best.h5 points to; returns their old paths.
std::vector<std::filesystem::path> set_aside_abandoned(const RunPaths& paths, std::uint64_t saved);

} // namespace elbo::training
