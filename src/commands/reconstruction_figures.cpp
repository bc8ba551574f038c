#include "commands/reconstruction_figures.hpp"

#include <fmt/format.h>

#include <cmath>

namespace elbo::commands {
namespace {

/// What a column is called in the table.
std::string title(std::string_view name, const images::Comparison& comparison) {
    if (name == "mse") return "MSE";
    if (name == "psnr") return "PSNR, dB";
    if (name == "ssim") return "SSIM";
    return fmt::format("MS-SSIM, {} of 5 scales", comparison.similarity().scales());
}

} // namespace

std::string error_text(const model::Mean& mean, int digits) {
    return std::isfinite(mean.error) ? fmt::format("{:.{}f}", mean.error, digits) : "-";
}

std::pair<double, double> value_range(const data::Dataset& dataset) {
    if (dataset.least() >= 0 && dataset.greatest() <= 1) return {0, 1};
    return {dataset.least(), dataset.greatest()};
}

ReconstructionFigures::ReconstructionFigures(const training::Trained& trained, const data::Dataset& dataset)
    : trained_(trained),
      meter_(*trained.model, trained.sample_shape, value_range(dataset).first, value_range(dataset).second),
      means_(meter_.columns()) {}

std::vector<double> ReconstructionFigures::measure(Matrix<const float> x, Matrix<const float> mean) {
    std::vector<double> rows(mean.rows() * columns());
    meter_.measure(trained_.fixed_values(), x, mean, {rows.data(), mean.rows(), columns()});
    return rows;
}

std::vector<std::string> ReconstructionFigures::lines() const {
    const images::Comparison& comparison = meter_.comparison();
    std::vector<std::string> lines = {fmt::format("{:<24} {:>12} {:>9}", "reconstruction E[x|z]", "mean", "+-")};
    for (std::size_t c = 0; c < columns(); ++c) {
        const model::Mean mean = means_.of(c);
        const int digits = std::string_view(names()[c]) == "psnr" ? 2 : 5;
        lines.push_back(fmt::format("{:<24} {:>12.{}f} {:>9}", title(names()[c], comparison), mean.value, digits,
                                    error_text(mean, digits)));
    }
    if (comparison.images() && comparison.range() != 1)
        lines.push_back(fmt::format("  (the data's range, {:.6g}, is the peak of PSNR and SSIM)", comparison.range()));
    return lines;
}

report::Fields ReconstructionFigures::fields() const {
    report::Fields fields;
    for (std::size_t c = 0; c < columns(); ++c) {
        const model::Mean mean = means_.of(c);
        fields.emplace_back(fmt::format("reconstruction_quality.{}.mean", names()[c]), mean.value);
        fields.emplace_back(fmt::format("reconstruction_quality.{}.error", names()[c]), mean.error);
    }
    if (!meter_.comparison().images()) return fields;
    fields.emplace_back("reconstruction_quality.range", meter_.comparison().range());
    fields.emplace_back("reconstruction_quality.ms_ssim_scales",
                        static_cast<std::int64_t>(meter_.comparison().similarity().scales()));
    fields.emplace_back("reconstruction_quality.ssim_window",
                        static_cast<std::int64_t>(meter_.comparison().similarity().window()));
    return fields;
}

} // namespace elbo::commands
