// What the folders of runs say from outside, for `elbo runs`: nothing in them is touched, and no checkpoint is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace elbo::training {

/// A run's folder, as far as it tells.
struct RunSummary {
    std::filesystem::path folder;
    std::string name;  ///< its path below the folder that was searched
    std::string model; ///< "400-400-20-400-400"; empty: unknown
    /// running; finished; stopped (early, with a checkpoint); failed; diverged; killed (its process is gone without a
    /// word); damaged (its state cannot be known).
    std::string state;
    std::optional<std::uint64_t> epoch, epochs; ///< done, and of how many
    std::optional<double> best;                 ///< validation ELBO
    std::optional<std::uint64_t> best_epoch;
    std::optional<double> samples_per_second; ///< of the last epoch, or of the last steps in the first
    double age = 0;                           ///< seconds since anything was written
    std::string message;                      ///< how it ended, in its own words
    std::vector<std::string> problems;        ///< files that are missing or damaged, a sentence each
};

/// All runs in a folder and below it, in no order; hidden folders and what lies within a run are left out. Throws
/// InputError where there is no such folder.
std::vector<RunSummary> find_runs(const std::filesystem::path& folder);

} // namespace elbo::training
