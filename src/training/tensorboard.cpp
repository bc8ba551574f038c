#include "training/tensorboard.hpp"

#include "storage/files.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace elbo::training {
namespace {

constexpr std::size_t most_dimensions = 64; ///< that have histograms of their own

/// What earlier files hold of steps from here on is told again. A checkpoint between an epoch's last step and its end
/// knows nothing yet of lines that a start since then may have written at the same step.
std::uint64_t first_step_of(const RunPaths& paths, const State& state, std::uint64_t samples) {
    if (!report::has_event_files(paths.folder)) return 0;
    return state.position == samples || state.step == 0 ? state.step : state.step + 1;
}

std::string suffix_of(const report::LoggedLine& line) {
    return line.kind == "train" && line.over == "epoch" ? "epoch" : line.kind;
}

void add_scalars(report::EventFile& file, const report::LoggedLine& line, double time) {
    std::vector<std::pair<std::string, double>> scalars;
    for (const auto& [name, value] : line.figures) scalars.emplace_back(name + "/" + suffix_of(line), value);
    file.scalars(line.step, time, scalars);
}

/// What decides what is computed.
std::vector<std::pair<std::string, std::string>> hyperparameters(const config::Config& config) {
    std::vector<std::pair<std::string, std::string>> values;
    for (auto& assignment : config::assignments(config.resolved, schema()))
        if (assignment.effect != config::Effect::none && assignment.value != "~")
            values.emplace_back(assignment.key, assignment.value);
    return values;
}

} // namespace

TensorBoard::TensorBoard(const RunPaths& paths, const config::Config& config, const State& state, std::uint64_t samples)
    : first_step_(first_step_of(paths, state, samples)), file_(paths.folder, first_step_) {
    file_.hyperparameters(hyperparameters(config));
    file_.text(state.step, "configuration", fmt::format("```yaml\n{}```\n", config.resolved));
    tell_again(paths, state);
}

void TensorBoard::tell_again(const RunPaths& paths, const State& state) {
    std::istringstream lines(storage::read_text(paths.metrics()));
    for (std::string text; std::getline(lines, text);) {
        const auto line = report::parse_metrics_line(text);
        if (!line || line->step < first_step_) continue;
        const double ago = state.seconds - line->figure("seconds").value_or(state.seconds);
        add_scalars(file_, *line, report::wall_time() - std::max(ago, 0.0));
    }
}

void TensorBoard::line(const std::string& metrics_line) {
    if (const auto line = report::parse_metrics_line(metrics_line)) add_scalars(file_, *line, report::wall_time());
}

void TensorBoard::histograms(std::uint64_t step, const PosteriorHistograms& histograms) {
    using Of = PosteriorHistograms::Of;
    std::vector<std::pair<std::string, report::Histogram>> values;
    const std::vector<double> means = histograms.counts(Of::mean), log_variances = histograms.counts(Of::log_variance);
    values.push_back({"posterior/mean", {histograms.edges(), means}});
    values.push_back({"posterior/log_variance", {histograms.edges(), log_variances}});
    const std::size_t dimensions = std::min(histograms.latent(), most_dimensions);
    for (const auto& [group, what] :
         {std::pair{"posterior_mean", Of::mean}, {"posterior_log_variance", Of::log_variance}})
        for (std::size_t d = 0; d < dimensions; ++d)
            values.push_back(
                {fmt::format("{}/dimension_{:02}", group, d), {histograms.edges(), histograms.counts(what, d)}});
    file_.histograms(step, values);
}

void TensorBoard::picture(std::uint64_t step, const std::filesystem::path& png) {
    if (std::filesystem::exists(png)) file_.image(step, "samples", storage::read_text(png));
}

void TensorBoard::end(Exit exit) {
    if (exit != Exit::stopped_early) file_.end(exit == Exit::done);
}

} // namespace elbo::training
