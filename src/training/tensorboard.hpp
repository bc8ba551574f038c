// report.tensorboard: an event file a start, beside metrics.jsonl. Rank 0's business.
#pragma once

#include "config/config.hpp"
#include "report/event_file.hpp"
#include "training/histograms.hpp"
#include "training/run_folder.hpp"
#include "training/state.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace elbo::training {

class TensorBoard {
public:
    /// Opens a file in the run's folder. metrics.jsonl holds the lines up to `state`, which training goes on from:
    /// those that TensorBoard does not know of, or forgets, are told it again. samples: of an epoch.
    TensorBoard(const RunPaths& paths, const config::Config& config, const State& state, std::uint64_t samples);

    /// A line of metrics.jsonl: a scalar a figure, "elbo/train", "elbo/epoch", "elbo/validation".
    void line(const std::string& metrics_line);
    void histograms(std::uint64_t step, const PosteriorHistograms& histograms);
    /// A file that training has drawn; nothing where it is not there.
    void picture(std::uint64_t step, const std::filesystem::path& png);
    /// How the training ended; one that stopped early goes on.
    void end(Exit exit);

    storage::AppendLog& log() { return file_.log(); }

private:
    void tell_again(const RunPaths& paths, const State& state);

    std::uint64_t first_step_; ///< of what this file tells
    report::EventFile file_;
};

} // namespace elbo::training
