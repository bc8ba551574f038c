#include "commands/restoration_figures.hpp"

#include "commands/reconstruction_figures.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::commands {
namespace {

/// Columns of each way, and then those of the codes.
enum Figure : std::size_t { mse, psnr, ssim, hidden_psnr, figures };
constexpr const char* figure_names[] = {"mse", "psnr", "ssim", "hidden_psnr"};
constexpr const char* code_names[] = {"bound.encoder", "bound.fitted", "bound.weighted", "effective_sample_size"};
constexpr std::size_t ways_compared = 4;

/// MSE of the elements that are hidden.
double hidden_error(std::span<const float> observed, std::span<const float> truth, std::span<const float> other) {
    std::vector<float> a, b;
    for (std::size_t d = 0; d < truth.size(); ++d) {
        if (observed[d] != 0) continue;
        a.push_back(truth[d]);
        b.push_back(other[d]);
    }
    return images::mean_squared_error(a, b);
}

} // namespace

RestorationFigures::RestorationFigures(const RestorationTask& task, const training::Trained& trained,
                                       const data::Dataset& dataset)
    : task_(task),
      comparison_(trained.sample_shape, value_range(dataset).first, value_range(dataset).second),
      means_(columns()) {}

std::size_t RestorationFigures::columns() const { return ways_compared * figures + std::size(code_names); }

std::vector<Plain> RestorationFigures::ways() const {
    return {task_.other(), task_.baseline(), {"restored", "restored: mean"}, {"draw", "restored: a draw"}};
}

std::vector<double> RestorationFigures::measure(Matrix<const float> truth, const Seen& seen,
                                                const model::Restored& restored) const {
    const std::size_t width = truth.columns();
    const std::size_t draws = restored.draws.size() / restored.mean.size();
    std::vector<double> out;
    for (std::size_t i = 0; i < truth.rows(); ++i) {
        const auto row_of = [&](const std::vector<float>& all, std::size_t row) {
            return std::span<const float>(all).subspan(row * width, width);
        };
        for (const std::span<const float> way : {row_of(seen.other, i), row_of(seen.baseline, i),
                                                 row_of(restored.mean, i), row_of(restored.draws, i * draws)}) {
            const images::Quality quality = comparison_.of(truth.row(i), way);
            const double hidden =
                task_.observed().empty() ? quality.mse : hidden_error(task_.observed(), truth.row(i), way);
            for (const double figure :
                 {quality.mse, quality.psnr, quality.ssim, images::peak_signal_to_noise(hidden, comparison_.range())})
                out.push_back(figure);
        }
        for (const double figure : {restored.start[i], restored.bound[i], restored.evidence[i], restored.effective[i]})
            out.push_back(figure);
    }
    return out;
}

std::vector<std::string> RestorationFigures::lines(std::uint64_t samples) const {
    const bool hides = !task_.observed().empty();
    std::vector<std::string> lines = {fmt::format("{:<20} {:>10} {:>9}{}   mean over {} sample{}", "", "PSNR, dB",
                                                  "SSIM", hides ? "    hidden, dB" : "", samples,
                                                  samples == 1 ? "" : "s")};
    std::size_t column = 0;
    for (const Plain& way : ways()) {
        std::string line = fmt::format("{:<20} {:>10.2f} {:>9.4f}", way.title, means_.of(column + psnr).value,
                                       means_.of(column + ssim).value);
        if (hides) line += fmt::format(" {:>13.2f}", means_.of(column + hidden_psnr).value);
        lines.push_back(line);
        column += figures;
    }
    lines.push_back(
        fmt::format("\nbound    on log p(observed), nats: encoder {:.2f}, fitted {:.2f},\n         weighted "
                    "{:.2f}",
                    means_.of(column).value, means_.of(column + 1).value, means_.of(column + 2).value));
    lines.push_back(fmt::format("weights  effective sample size {:.1f} of {}", means_.of(column + 3).value,
                                model::Restorer::candidates));
    return lines;
}

report::Fields RestorationFigures::fields() const {
    report::Fields fields;
    const auto add = [&](const std::string& name, std::size_t column) {
        fields.emplace_back(name + ".mean", means_.of(column).value);
        fields.emplace_back(name + ".error", means_.of(column).error);
    };
    std::size_t column = 0;
    for (const Plain& way : ways()) {
        for (std::size_t figure = 0; figure < figures; ++figure)
            if (figure != hidden_psnr || !task_.observed().empty())
                add(fmt::format("{}.{}", way.key, figure_names[figure]), column + figure);
        column += figures;
    }
    for (const char* name : code_names) add(name, column++);
    if (task_.observed().empty()) fields.emplace_back("observation_variance", task_.variance());
    return fields;
}

} // namespace elbo::commands
