#include "commands/evaluation_report.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <numbers>

namespace elbo::commands {
namespace {

using model::LatentDimension;
using model::Mean;

constexpr std::size_t usual_draws = 100, usual_chains = 10, usual_steps = 100;
constexpr double few_effective = 10;
constexpr std::uint64_t least_samples = 20; ///< for advice on how latents vary over them

std::size_t active_of(const std::vector<LatentDimension>& dimensions) {
    return static_cast<std::size_t>(std::ranges::count_if(dimensions, &LatentDimension::active));
}

void add_mean(report::Fields& fields, const std::string& name, Mean mean) {
    fields.emplace_back(name + ".mean", mean.value);
    fields.emplace_back(name + ".error", mean.error);
}

/// Where codes of the data lie narrower or wider than the prior; "" where they do not.
std::string spread_advice(const std::vector<LatentDimension>& dimensions) {
    std::string narrow, wide;
    for (std::size_t d = 0; d < dimensions.size(); ++d)
        if (dimensions[d].spread < 0.5)
            narrow += fmt::format(" {}", d);
        else if (dimensions[d].spread > 2)
            wide += fmt::format(" {}", d);
    if (narrow.empty() && wide.empty()) return "";
    return fmt::format("Over the data, codes' variance is{}{}{} where the prior has 1: samples from the prior lie "
                       "elsewhere.",
                       narrow.empty() ? "" : " below 0.5 in dimensions" + narrow,
                       narrow.empty() || wide.empty() ? "" : ",", wide.empty() ? "" : " above 2 in dimensions" + wide);
}

} // namespace

bool annealed(const EvaluateOptions& options) { return options.method == "ais"; }

std::size_t draws_of(const EvaluateOptions& options) {
    return options.draws.value_or(annealed(options) ? usual_chains : usual_draws);
}

std::size_t steps_of(const EvaluateOptions& options) { return options.steps.value_or(usual_steps); }

std::vector<std::string> EvaluationReport::lines() const {
    std::vector<std::string> all = bound_lines();
    for (const std::vector<std::string>& some : {latent_lines(), advice()})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

double EvaluationReport::bits_per_dimension() const {
    return -best_bound() / (static_cast<double>(asked.data.dimensions()) * std::numbers::ln2);
}

std::vector<std::string> EvaluationReport::bound_lines() const {
    std::vector<std::string> lines;
    const auto row = [&](const std::string& name, Mean mean) {
        lines.push_back(fmt::format("{:<24} {:>12.3f} {:>9}", name, mean.value, error_text(mean, 3)));
    };
    lines.push_back(fmt::format("\n{:<24} {:>12} {:>9}", "", "nats/sample", "+-"));
    row("ELBO", found.elbo());
    row("  reconstruction", found.reconstruction());
    row("  KL", found.kl());
    for (std::size_t level = 0; level < found.levels().size(); ++level)
        row(fmt::format("L_{}", found.levels()[level]), found.bound(level));
    lines.push_back(fmt::format("{:<24} {:>12.3f}", fmt::format("L_{} - ELBO", found.draws()), gap_value()));
    if (options.gap) {
        row("  amortisation", gap.amortisation());
        lines.push_back(fmt::format("{:<24} {:>12.3f}", "  family", gap_value() - gap.amortisation().value));
    }
    lines.push_back(fmt::format("{:<24} {:>12.4f}", "bits/dimension", bits_per_dimension()));
    lines.emplace_back();
    std::ranges::copy(reconstruction.lines(), std::back_inserter(lines));
    if (features != nullptr) {
        lines.emplace_back();
        std::ranges::copy(features->lines(), std::back_inserter(lines));
    }
    lines.push_back(fmt::format("\nweights  effective sample size {:.1f} of {} (median; 1 in 20 samples below {:.1f})",
                                found.effective_quantile(0.5), with_commas(found.draws()),
                                found.effective_quantile(0.05)));
    return lines;
}

std::vector<std::string> EvaluationReport::latent_lines() const {
    std::vector<LatentDimension> dimensions = found.dimensions();
    std::ranges::sort(dimensions, std::ranges::greater{}, &LatentDimension::kl);
    std::string kls = "KL a dimension:";
    for (const LatentDimension& dimension : dimensions) kls += fmt::format(" {:.2f}", dimension.kl);
    return {fmt::format("latents  {} of {} active: variance of the posterior mean above 0.01", active_of(dimensions),
                        dimensions.size()),
            wrapped(kls, 9),
            wrapped(fmt::format("KL {:.2f} = {:.2f} sample-code information + {:.2f} total correlation + {:.2f} "
                                "dimension-wise (a draw of each of {} samples)",
                                split.kl(), split.mutual_information, split.total_correlation, split.dimension_wise,
                                with_commas(split_samples)),
                    9)};
}

std::vector<std::string> EvaluationReport::advice() const {
    std::vector<std::string> lines;
    const auto advise = [&](const std::string& sentence) { lines.push_back(wrapped("- " + sentence, 2)); };
    const std::vector<LatentDimension> dimensions = found.dimensions();
    const std::size_t active = active_of(dimensions);
    const bool enough_samples = found.samples() >= least_samples;
    if (!enough_samples)
        advise(fmt::format("Of fewer than {} samples nothing is said about latents.", least_samples));
    else if (active == 0)
        advise("The posterior has collapsed: no latent tells samples apart. Try objective.warmup, a smaller "
               "objective.beta or a weaker decoder.");
    else if (2 * active < dimensions.size())
        advise(fmt::format("{} of {} latents carry nothing; a smaller model.latent would do as well.",
                           dimensions.size() - active, dimensions.size()));
    if (const std::string spread = spread_advice(dimensions); enough_samples && !spread.empty()) advise(spread);
    const double most_information = std::log(static_cast<double>(split_samples));
    if (split.mutual_information > 0.95 * most_information)
        advise(fmt::format("The sample-code information is near its limit, log {} = {:.2f}: more of the KL may be "
                           "information, and less of it correlation, than these samples can show.",
                           with_commas(split_samples), most_information));
    const bool chains = annealed(options);
    const double enough = chains ? 0.5 * static_cast<double>(found.draws()) : few_effective;
    if (found.effective_quantile(0.5) < enough && found.draws() > 1)
        advise(fmt::format("Of half the samples fewer than {} {} carry the weight, so L_{} is still below the "
                           "log-likelihood; more {} raise it{}.",
                           enough, chains ? "chains" : "draws", found.draws(), chains ? "--steps" : "--samples",
                           chains ? "" : ", or --method ais"));
    const bool grey = asked.data.grey() && asked.binarize() == data::Binarize::none;
    if (grey && asked.trained.config.model.likelihood.kind == "bernoulli")
        advise("The data is grey and the likelihood bernoulli: these are cross-entropies, no densities, and cannot be "
               "compared with those of other likelihoods.");
    return lines;
}

report::Fields EvaluationReport::fields() const {
    report::Fields fields = {{"checkpoint", asked.trained.checkpoint.string()},
                             {"data", asked.data.name()},
                             {"samples", static_cast<std::int64_t>(found.samples())},
                             {"method", options.method},
                             {"draws", static_cast<std::int64_t>(found.draws())}};
    if (annealed(options)) fields.emplace_back("steps", static_cast<std::int64_t>(steps_of(options)));
    add_mean(fields, "elbo", found.elbo());
    add_mean(fields, "reconstruction", found.reconstruction());
    add_mean(fields, "kl", found.kl());
    for (std::size_t level = 0; level < found.levels().size(); ++level)
        add_mean(fields, fmt::format("bound_{}", found.levels()[level]), found.bound(level));
    fields.emplace_back("gap", gap_value());
    if (options.gap) {
        add_mean(fields, "gap_split.amortisation", gap.amortisation());
        fields.emplace_back("gap_split.family", gap_value() - gap.amortisation().value);
    }
    fields.emplace_back("bits_per_dimension", bits_per_dimension());
    fields.emplace_back("effective_sample_size.median", found.effective_quantile(0.5));
    fields.emplace_back("effective_sample_size.twentieth", found.effective_quantile(0.05));
    fields.emplace_back("kl_split.mutual_information", split.mutual_information);
    fields.emplace_back("kl_split.total_correlation", split.total_correlation);
    fields.emplace_back("kl_split.dimension_wise", split.dimension_wise);
    fields.emplace_back("kl_split.samples", static_cast<std::int64_t>(split_samples));
    const std::vector<LatentDimension> dimensions = found.dimensions();
    fields.emplace_back("active_units", static_cast<std::int64_t>(active_of(dimensions)));
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
        fields.emplace_back(fmt::format("kl_per_dimension.{}", d), dimensions[d].kl);
        fields.emplace_back(fmt::format("mean_variance.{}", d), dimensions[d].variance);
        fields.emplace_back(fmt::format("code_variance.{}", d), dimensions[d].spread);
    }
    std::ranges::copy(reconstruction.fields(), std::back_inserter(fields));
    if (features != nullptr) std::ranges::copy(features->fields(), std::back_inserter(fields));
    return fields;
}

} // namespace elbo::commands
