// What a run's folder tells of it: metrics, events, status, configuration, and which pictures there are. A folder may
// be of a run that goes on, that failed or that was killed: what is missing or damaged becomes a note.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace elbo::report {

/// Lines of metrics.jsonl of one kind, figure by figure; NaN where a line lacks one.
struct Lines {
    std::size_t count = 0;
    std::size_t each = 1; ///< lines that one here is the mean of
    std::map<std::string, std::vector<double>> figures;
};

struct EpochPicture {
    std::uint64_t epoch = 0;
    std::filesystem::path file;
};

/// Codes of validation samples, as latents.h5 and principal components have them.
struct Latents {
    std::string epoch, step, samples;        ///< as the file says; samples: that kl is a mean over
    std::vector<double> kl, variance;        ///< of each dimension
    std::vector<double> across, up;          ///< the codes' first two principal components
    std::vector<double> explained;           ///< share of the variance that each has
    std::vector<std::string> columns;        ///< of labels
    std::vector<std::vector<double>> labels; ///< a column's values
    std::string meaning;                     ///< "0: cat, 1: dog"
};

/// A picture with what it shows in words.
struct Illustration {
    std::string png, text; ///< bytes of the file; why there is none, where png is empty
};

/// What of a trained model is shown.
struct Shown {
    std::string checkpoint; ///< in words; empty: none could be read
    std::uint64_t parameters = 0;
    Illustration prior, traversal;
};

struct RunRecord {
    std::filesystem::path folder;
    std::string name;
    std::string status;              ///< JSON text of status.json; empty: there is none
    std::string state;               ///< "done", "running", "interrupted" ...
    Lines steps, epochs, validation; ///< train lines over steps and over epochs
    std::vector<std::string> events; ///< lines of events.jsonl that are JSON
    std::string configuration;
    std::vector<std::pair<std::string, std::string>> keys; ///< of the configuration, by path
    std::vector<EpochPicture> pictures;                    ///< at most most_pictures, the first and the last with them
    std::size_t all_pictures = 0;
    std::vector<std::string> notes;

    Latents latents; ///< of another's making; no kl: none
    Shown shown;
};

constexpr std::size_t most_lines = 3000, most_pictures = 24;

/// Throws InputError where the folder holds no run.
RunRecord read_run(const std::filesystem::path& folder);

/// Names that tell the runs apart: their folders' own, or their whole paths where these are alike.
void name_runs(std::vector<RunRecord>& runs);

} // namespace elbo::report
