#include "training/runs.hpp"

#include "base/error.hpp"
#include "report/records.hpp"
#include "storage/checkpoint.hpp"
#include "storage/files.hpp"
#include "storage/folder_lock.hpp"
#include "training/announce.hpp"
#include "training/run_folder.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <sys/stat.h>

namespace elbo::training {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t tail_bytes = 1 << 16; ///< of metrics.jsonl that are read for its last lines

bool is_run(const RunPaths& paths) {
    std::error_code none;
    for (const fs::path& part : {paths.status(), paths.configuration(), paths.metrics()})
        if (fs::exists(part, none)) return true;
    return fs::is_directory(paths.checkpoints(), none) && fs::is_directory(paths.samples(), none);
}

/// Folders that were visited: links may lead in a circle.
using Visited = std::set<std::pair<dev_t, ino_t>>;

bool enter(const fs::path& folder, Visited& visited) {
    struct stat status;
    return ::stat(folder.c_str(), &status) == 0 && visited.emplace(status.st_dev, status.st_ino).second;
}

/// What is wrong with a folder that cannot be looked into goes the way of damaged runs.
void look_below(const fs::path& folder, Visited& visited, std::vector<RunSummary>& found) {
    if (!enter(folder, visited)) return;
    if (is_run(RunPaths{folder})) {
        found.push_back({.folder = folder});
        return;
    }
    // A folder goes by its own name, not by that of a link to it.
    std::vector<fs::path> folders, links;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
        std::error_code none;
        const bool hidden = entry->path().filename().string().starts_with('.');
        if (!hidden && entry->is_directory(none)) (entry->is_symlink(none) ? links : folders).push_back(entry->path());
    }
    if (error) found.push_back({.folder = folder, .problems = {fmt::format("cannot be read: {}", error.message())}});
    for (const std::vector<fs::path>* some : {&folders, &links})
        for (const fs::path& below : *some) look_below(below, visited, found);
}

/// "file: message" of what is thrown, in one line.
std::string told_by(const fs::path& folder, const Error& error) {
    std::string text = error.what();
    const std::string prefix = folder.string() + "/";
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
    const std::size_t end = text.find('\n');
    return end == std::string::npos ? text : text.substr(0, end) + " ...";
}

void read_configuration(const RunPaths& paths, RunSummary& run) {
    try {
        const config::Config config =
            config::parse({"configuration.yaml", storage::read_text(paths.configuration())}, {}, schema());
        run.model = describe_layers(config.model);
        run.epochs = config.training.epochs;
    } catch (const Error& error) {
        run.problems.push_back(told_by(run.folder, error));
    }
}

/// The state that status.json tells, in the table's words; empty where it tells none.
std::string read_status(const RunPaths& paths, RunSummary& run) {
    std::string text;
    try {
        text = storage::read_text(paths.status());
    } catch (const Error& error) {
        run.problems.push_back(told_by(run.folder, error));
        return {};
    }
    const auto status = report::parse_status(text);
    if (!status) {
        run.problems.emplace_back("status.json: is no status of a run: no JSON object with a state");
        return {};
    }
    run.epoch = status->epoch;
    if (status->epochs) run.epochs = status->epochs;
    run.best = status->best_validation_elbo;
    run.best_epoch = status->best_epoch;
    run.message = status->message;
    if (status->state == "done") return "finished";
    if (status->state == "stopped early") return "stopped";
    return status->state;
}

/// Speed, and what status.json does not tell, by the last lines.
void read_metrics(const RunPaths& paths, RunSummary& run) {
    const std::size_t bytes = run.epoch ? tail_bytes : std::numeric_limits<std::size_t>::max();
    const std::string text = storage::read_tail(paths.metrics(), bytes);
    std::optional<report::LoggedLine> steps, epoch;
    std::optional<double> best;
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
        auto line = report::parse_metrics_line(std::string_view(text).substr(begin, end - begin));
        if (!line) continue;
        if (line->kind == "validation") best = std::max(best, line->figure("elbo"));
        if (line->kind != "train") continue;
        (line->over == "epoch" ? epoch : steps) = std::move(line);
    }
    if (!text.empty() && !steps && !epoch && text.find('\n') != std::string::npos)
        run.problems.emplace_back("metrics.jsonl: its last lines are none of elbo's");
    if (!run.epoch) {
        run.epoch = epoch ? std::optional(epoch->epoch) : std::nullopt;
        run.best = best;
    }
    const std::optional<report::LoggedLine>& last = epoch ? epoch : steps;
    if (last) run.samples_per_second = last->figure("samples_per_second");
}

void look_at_checkpoints(const RunPaths& paths, RunSummary& run) {
    const std::vector<fs::path> all = list_checkpoints(paths);
    if (all.empty() && run.epoch.value_or(0) > 0) run.problems.emplace_back("checkpoints: there is none");
    if (!all.empty()) {
        const std::string wrong = storage::glance_at_checkpoint(all.back());
        if (!wrong.empty())
            run.problems.push_back(fmt::format("checkpoints/{}: {}", all.back().filename().string(), wrong));
    }
    std::error_code none;
    for (const fs::path& link : {paths.best(), paths.latest()})
        if (fs::is_symlink(link, none) && !fs::exists(link, none))
            run.problems.push_back(fmt::format("checkpoints/{}: leads to no file", link.filename().string()));
}

/// Seconds since the newest of the run's files was written.
double age_of(const RunPaths& paths) {
    fs::file_time_type newest = fs::file_time_type::min();
    for (const fs::path& path :
         {paths.folder, paths.configuration(), paths.metrics(), paths.events(), paths.status()}) {
        std::error_code error;
        const fs::file_time_type time = fs::last_write_time(path, error);
        if (!error) newest = std::max(newest, time);
    }
    return std::max(0.0, std::chrono::duration<double>(fs::file_time_type::clock::now() - newest).count());
}

void summarise(RunSummary& run) {
    const RunPaths paths{run.folder};
    run.age = age_of(paths);
    if (!run.problems.empty()) {
        run.state = "damaged";
        return;
    }
    const bool locked = storage::is_locked(run.folder);
    std::error_code none;
    const bool just_begun = locked && !fs::exists(paths.status(), none);
    read_configuration(paths, run);
    const std::string told = just_begun ? "running" : read_status(paths, run);
    run.state = told.empty() ? "damaged" : told;
    if (locked) run.state = "running";
    if (!locked && told == "running") {
        run.state = "killed";
        run.message = "its process is gone without a word; the same command goes on from the newest checkpoint";
    }
    read_metrics(paths, run);
    if (!locked) look_at_checkpoints(paths, run);
}

} // namespace

std::vector<RunSummary> find_runs(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error))
        reject("{}: {}; name the folder that runs are in: elbo runs FOLDER", folder.string(),
               fs::exists(folder, error) ? "is no folder" : "no such folder");
    std::vector<RunSummary> found;
    Visited visited;
    look_below(folder, visited, found);
    for (RunSummary& run : found) {
        const fs::path name = run.folder.lexically_relative(folder);
        run.name = name.empty() || name == "." ? run.folder.string() : name.string();
        summarise(run);
    }
    return found;
}

} // namespace elbo::training
