#include "training/run_folder.hpp"

#include "storage/files.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace elbo::training {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "step-", suffix = ".h5";

bool is_step_checkpoint(const fs::path& path) {
    const std::string name = path.filename().string();
    return name.starts_with(prefix) && name.ends_with(suffix) && name.size() > prefix.size() + suffix.size() &&
           std::all_of(name.begin() + prefix.size(), name.end() - suffix.size(),
                       [](char c) { return c >= '0' && c <= '9'; });
}

/// By the steps that two checkpoints are named after.
bool is_earlier(const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string(), y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
}

void refuse_changes(const std::vector<config::Difference>& changes, const RunPaths& paths) {
    std::string list;
    for (const config::Difference& change : changes)
        if (change.effect == config::Effect::model)
            list += fmt::format("\n  {}: {} in the run, {} now", change.key, change.before, change.after);
    if (!list.empty())
        reject(
            "{}: holds a run of another model or other data, which cannot go on with these keys changed:{}\nset them "
            "back, choose another output, or start anew with --fresh (the old run is kept beside it)",
            paths.folder.string(), list);
}

/// What the first start chose is no change where the configuration leaves it open still.
void keep_blocks(std::vector<config::Difference>& changes, Found& found) {
    const auto kept = [&found](const config::Difference& change) {
        if (change.after != "~" || (change.key != "data.block" && change.key != "data.window")) return false;
        (change.key == "data.block" ? found.block : found.window) = std::stoull(change.before);
        return true;
    };
    std::erase_if(changes, kept);
}

/// Opens the newest checkpoint that is whole; damaged ones become warnings.
void find_checkpoint(const RunPaths& paths, Found& found, std::string& configuration) {
    const std::vector<fs::path> candidates = list_checkpoints(paths);
    if (!candidates.empty()) found.newest = candidates.back();
    for (auto path = candidates.rbegin(); path != candidates.rend(); ++path) {
        try {
            const storage::CheckpointReader reader(*path);
            found.state = from_attributes(reader);
            const auto about = [&](const char* key) {
                const auto entry = reader.text().about.find(key);
                return entry == reader.text().about.end() ? std::string() : entry->second;
            };
            found.train_data = about("train_fingerprint");
            found.validation_data = about("validation_fingerprint");
            configuration = reader.text().configuration;
            found.checkpoint = *path;
            return;
        } catch (const InputError& error) {
            found.warnings.emplace_back(error.what());
        }
    }
    if (!candidates.empty())
        reject("{}: none of the run's {} checkpoints can be read; {}; start anew with --fresh", paths.folder.string(),
               candidates.size(), found.warnings.front());
}

/// Epochs that were trained would be trained again, and their figures overwritten.
void refuse_lost_checkpoints(const RunPaths& paths) {
    std::error_code ignored;
    if (!fs::exists(paths.status(), ignored)) return;
    const auto status = report::parse_status(storage::read_text(paths.status()));
    if (status && (status->state == "done" || status->state == "stopped early"))
        reject("{}: {} epochs were trained here, but {} holds no checkpoint; put them back, choose another output, or "
               "start anew with --fresh (the old run is kept beside it)",
               paths.folder.string(), status->epoch.value_or(0), paths.checkpoints().string());
}

} // namespace

bool holds_run(const RunPaths& paths) {
    std::error_code ignored;
    return fs::exists(paths.configuration(), ignored) || !list_checkpoints(paths).empty();
}

RunPaths::RunPaths(fs::path run) : folder(std::move(run)) {
    while (!folder.has_filename() && folder.has_relative_path()) folder = folder.parent_path();
}

fs::path RunPaths::checkpoint(std::uint64_t step) const { return checkpoints() / fmt::format("step-{:08}.h5", step); }

Found examine(const RunPaths& paths, const config::Config& config) {
    Found found;
    std::error_code ignored;
    if (!fs::exists(paths.folder, ignored)) return found;
    if (!fs::is_directory(paths.folder)) reject("{}: is a file, but output must be a folder", paths.folder.string());
    if (fs::is_empty(paths.folder)) return found;
    if (!holds_run(paths))
        reject("{}: this folder is not empty and holds no run of elbo; choose another output", paths.folder.string());

    found.run = true;
    std::string before;
    find_checkpoint(paths, found, before);
    if (found.checkpoint.empty()) refuse_lost_checkpoints(paths);
    if (before.empty()) before = storage::read_text(paths.configuration());
    std::vector<config::Difference> changes = config::compare(before, config.resolved, schema());
    if (!found.checkpoint.empty()) keep_blocks(changes, found);
    for (config::Difference& change : changes)
        if (change.key != "output") found.changes.push_back(std::move(change));
    if (found.checkpoint.empty()) return found; // nothing was learnt yet: any configuration may begin
    refuse_changes(found.changes, paths);
    return found;
}

bool finished(const State& state, const config::Training& training) {
    if (state.epoch >= training.epochs) return true;
    return training.patience && state.best_epoch > 0 && state.waited >= *training.patience;
}

fs::path move_aside(const fs::path& folder) {
    for (int number = 1;; ++number) {
        const fs::path aside = fmt::format("{}.{}", folder.string(), number);
        if (fs::exists(fs::symlink_status(aside))) continue;
        fs::rename(folder, aside);
        return aside;
    }
}

std::vector<fs::path> list_checkpoints(const RunPaths& paths) {
    std::vector<fs::path> found;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(paths.checkpoints(), none))
        if (is_step_checkpoint(entry.path())) found.push_back(entry.path());
    std::sort(found.begin(), found.end(), is_earlier);
    return found;
}

namespace {

/// Where a link leads in its folder; nothing where it leads to no file.
std::optional<fs::path> file_of_link(const fs::path& link) {
    std::error_code error;
    if (!fs::is_regular_file(link, error)) return std::nullopt;
    const fs::path target = fs::read_symlink(link, error);
    return error ? link : link.parent_path() / target;
}

} // namespace

std::optional<fs::path> latest_checkpoint(const RunPaths& paths) {
    if (const auto linked = file_of_link(paths.latest())) return linked;
    const std::vector<fs::path> all = list_checkpoints(paths);
    return all.empty() ? std::nullopt : std::optional(all.back());
}

std::optional<fs::path> best_checkpoint(const RunPaths& paths) {
    const auto linked = file_of_link(paths.best());
    return linked ? linked : latest_checkpoint(paths);
}

void remove_old_checkpoints(const RunPaths& paths, std::uint64_t saved, std::size_t keep) {
    std::vector<fs::path> known = list_checkpoints(paths);
    std::erase_if(known, [last = paths.checkpoint(saved)](const fs::path& path) { return is_earlier(last, path); });
    std::error_code ignored;
    const fs::path best = fs::read_symlink(paths.best(), ignored);
    for (std::size_t i = 0; i + keep < known.size(); ++i)
        if (known[i].filename() != best) fs::remove(known[i], ignored);
}

std::vector<fs::path> set_aside_abandoned(const RunPaths& paths, std::uint64_t saved) {
    std::vector<fs::path> later = list_checkpoints(paths);
    std::error_code error;
    const fs::path last = paths.checkpoint(saved), best = fs::read_symlink(paths.best(), error);
    std::erase_if(later, [&](const fs::path& path) {
        if (!is_earlier(last, path) || path.filename() == best) return true;
        fs::rename(path, path.string() + ".abandoned", error);
        return static_cast<bool>(error);
    });
    return later;
}

} // namespace elbo::training
