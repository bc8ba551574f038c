// `elbo report`: runs as one HTML page, made from their folders alone.
#include "base/text.hpp"
#include "base/version.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/output_file.hpp"
#include "commands/report_pictures.hpp"
#include "report/page.hpp"
#include "storage/files.hpp"
#include "training/run_folder.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace elbo::commands {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_runs = 50;

/// The folder's own name, also of "." and "runs/mnist/".
std::string name_of(const std::string& run) {
    const fs::path path = fs::absolute(run).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).filename().string();
}

/// "mnist-report.html" of runs/mnist, in the folder that one is in; of several "report.html".
fs::path output_of(const ReportOptions& options) {
    if (!options.output.empty()) return options.output;
    return options.runs.size() > 1 ? "report.html" : name_of(options.runs.front()) + "-report.html";
}

void require_names(const ReportOptions& options, const fs::path& output) {
    if (options.runs.size() > most_runs)
        reject("{} runs: a page shows {} at most; name fewer", options.runs.size(), most_runs);
    const std::string extension = output.extension().string();
    if (extension != ".html" && extension != ".htm")
        reject("-o {}: expected a name that ends in .html", output.string());
}

RunLatents latents_of(report::RunRecord& run) {
    try {
        return read_latents(training::RunPaths{run.folder}.latents());
    } catch (const InputError& error) {
        run.notes.emplace_back(error.what());
        return {};
    }
}

/// What of a run its checkpoint tells; a run without one is shown without. Collective.
void add_model(const comm::Communicator& world, const std::string& folder, report::RunRecord& run) {
    RunLatents latents;
    world.on_first([&] { latents = latents_of(run); });
    try {
        run.shown = show_model(world, folder, latents);
    } catch (const comm::AgreedError& error) {
        run.notes.emplace_back(error.what());
        run.shown.prior.text = run.shown.traversal.text = "No picture: no checkpoint of the run could be read.";
    }
    run.latents = std::move(latents.latents);
}

} // namespace

Exit report_runs(const ReportOptions& options) {
    const fs::path output = output_of(options);
    require_names(options, output);
    return on_ranks([&](const comm::Communicator& world) {
        std::vector<report::RunRecord> runs(options.runs.size());
        world.on_first([&] {
            require_output({"-o", output, existing(options.force)});
            for (std::size_t i = 0; i < runs.size(); ++i) runs[i] = report::read_run(options.runs[i]);
            report::name_runs(runs);
        });
        for (std::size_t i = 0; i < runs.size(); ++i) add_model(world, options.runs[i], runs[i]);
        world.on_first([&] {
            const std::string text = report::page_text(runs, version);
            storage::write_whole(output, text);
            report::Terminal terminal(true, report::Verbosity::normal);
            for (const report::RunRecord& run : runs)
                for (const std::string& note : run.notes) terminal.line(wrapped(run.name + ": " + note, 2).substr(2));
            terminal.line(fmt::format("wrote {}: {} of {}, {}", output.string(),
                                      runs.size() == 1 ? "the report" : "a report",
                                      runs.size() == 1 ? runs.front().name : fmt::format("{} runs", runs.size()),
                                      human_bytes(static_cast<double>(text.size()))));
        });
        return Exit::done;
    });
}

} // namespace elbo::commands
