#include "report/run_record.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "config/leaves.hpp"
#include "storage/files.hpp"
#include "storage/folder_lock.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>

namespace elbo::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Takes the objects of a log a line each; what a process that was killed left of a line, and what is no JSON, becomes
/// a note.
template <class Take>
void read_log(const fs::path& file, std::vector<std::string>& notes, Take&& take) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        notes.push_back(fmt::format("there is no {}", file.filename().string()));
        return;
    }
    std::size_t damaged = 0;
    for (std::string line; std::getline(in, line);) {
        const bool whole = !in.eof();
        const Json json = Json::parse(line, nullptr, false);
        if (json.is_object())
            take(json, line);
        else if (whole)
            ++damaged;
        else if (!line.empty())
            notes.push_back(fmt::format("the last line of {} is torn and left out", file.filename().string()));
    }
    if (damaged > 0)
        notes.push_back(fmt::format("{} lines of {} are no JSON objects and left out", with_commas(damaged),
                                    file.filename().string()));
}

void add(Lines& lines, const Json& json) {
    for (const auto& [name, value] : json.items()) {
        if (!value.is_number()) continue;
        std::vector<double>& column = lines.figures[name];
        column.resize(lines.count, std::numeric_limits<double>::quiet_NaN());
        column.push_back(value.get<double>());
    }
    ++lines.count;
}

/// Means over as many lines as leave most_lines or fewer; of step and epoch the last.
void thin(Lines& lines) {
    for (auto& entry : lines.figures) entry.second.resize(lines.count, std::numeric_limits<double>::quiet_NaN());
    lines.each = (lines.count + most_lines - 1) / most_lines;
    if (lines.each <= 1) {
        lines.each = 1;
        return;
    }
    for (auto& [name, column] : lines.figures) {
        const bool place = name == "step" || name == "epoch" || name == "seconds";
        std::vector<double> fewer;
        for (std::size_t begin = 0; begin < column.size(); begin += lines.each) {
            const std::size_t end = std::min(column.size(), begin + lines.each);
            double sum = 0, count = 0;
            for (std::size_t i = begin; i < end; ++i)
                if (std::isfinite(column[i])) {
                    sum += column[i];
                    ++count;
                }
            fewer.push_back(place ? column[end - 1] : sum / count);
        }
        column = std::move(fewer);
    }
    lines.count = (lines.count + lines.each - 1) / lines.each;
}

void read_metrics(RunRecord& run) {
    read_log(run.folder / "metrics.jsonl", run.notes, [&](const Json& json, const std::string&) {
        const std::string kind = json.value("kind", Json()).is_string() ? json["kind"].get<std::string>() : "";
        const std::string over = json.value("over", Json()).is_string() ? json["over"].get<std::string>() : "";
        if (kind == "validation") add(run.validation, json);
        if (kind == "train") add(over == "epoch" ? run.epochs : run.steps, json);
    });
    for (Lines* lines : {&run.steps, &run.epochs, &run.validation}) thin(*lines);
    if (run.epochs.count + run.steps.count == 0)
        run.notes.emplace_back("no figures yet: metrics.jsonl holds no line of training");
    else if (run.validation.count == 0)
        run.notes.emplace_back("no validation: data.validation is not set, or no epoch is over yet");
}

std::string text_or_nothing(const fs::path& file) {
    std::error_code error;
    return fs::is_regular_file(file, error) ? storage::read_text(file) : "";
}

void read_status(RunRecord& run) {
    const Json json = Json::parse(text_or_nothing(run.folder / "status.json"), nullptr, false);
    if (!json.is_object()) {
        run.state = storage::is_locked(run.folder) ? "running" : "interrupted";
        run.notes.emplace_back("there is no status.json, or it is no JSON object");
        return;
    }
    run.status = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    run.state = json.value("state", Json()).is_string() ? json["state"].get<std::string>() : "unknown";
    // Whatever killed it, the last words of a killed run are that it is running.
    if (run.state == "running" && !storage::is_locked(run.folder)) {
        run.state = "interrupted";
        run.notes.emplace_back("the run ended without a word, or its process has been silent for two minutes");
    }
}

void read_configuration(RunRecord& run) {
    run.configuration = text_or_nothing(run.folder / "configuration.yaml");
    try {
        run.keys = config::leaves_of(run.configuration);
    } catch (const InputError& error) {
        run.notes.push_back(fmt::format("configuration.yaml cannot be read: {}", error.what()));
    }
}

/// The number in "epoch-0020.png"; nothing for other names.
std::optional<std::uint64_t> epoch_of(const fs::path& file) {
    const std::string stem = file.stem().string();
    if (file.extension() != ".png" || !stem.starts_with("epoch-")) return {};
    const std::string digits = stem.substr(6);
    if (digits.empty() || digits.size() > 12 || digits.find_first_not_of("0123456789") != std::string::npos) return {};
    return std::stoull(digits);
}

void find_pictures(RunRecord& run) {
    std::vector<EpochPicture> all;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(run.folder / "samples", none))
        if (const auto epoch = epoch_of(entry.path())) all.push_back({*epoch, entry.path()});
    std::ranges::sort(all, {}, &EpochPicture::epoch);
    run.all_pictures = all.size();
    if (all.empty()) run.notes.emplace_back("no pictures: the data is no images, or report.pictures is 0");
    if (all.size() <= most_pictures) {
        run.pictures = std::move(all);
        return;
    }
    for (std::size_t i = 0; i < most_pictures; ++i)
        run.pictures.push_back(all[i * (all.size() - 1) / (most_pictures - 1)]);
}

} // namespace

RunRecord read_run(const fs::path& folder) {
    std::error_code error;
    if (!fs::exists(folder, error)) reject("{}: no such run", folder.string());
    if (!fs::is_directory(folder, error))
        reject("{}: is a file; expected a run's folder, the output of a training", folder.string());
    if (!fs::exists(folder / "metrics.jsonl", error) && !fs::exists(folder / "configuration.yaml", error))
        reject("{}: holds no run: there is neither metrics.jsonl nor configuration.yaml", folder.string());
    RunRecord run;
    run.folder = folder;
    read_metrics(run);
    read_log(folder / "events.jsonl", run.notes,
             [&](const Json&, const std::string& line) { run.events.push_back(line); });
    read_status(run);
    read_configuration(run);
    find_pictures(run);
    return run;
}

void name_runs(std::vector<RunRecord>& runs) {
    const auto own_name = [](const RunRecord& run) {
        const fs::path path = fs::absolute(run.folder).lexically_normal();
        return (path.has_filename() ? path : path.parent_path()).filename().string();
    };
    std::set<std::string> names;
    for (const RunRecord& run : runs) names.insert(own_name(run));
    const bool differ = names.size() == runs.size();
    for (RunRecord& run : runs) run.name = differ ? own_name(run) : run.folder.string();
}

} // namespace elbo::report
