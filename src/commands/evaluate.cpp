// `elbo evaluate`: the bounds on the log-likelihood of data that a trained model gives, and how it uses its latents.
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/commands.hpp"
#include "commands/gap_figures.hpp"
#include "commands/kl_split.hpp"
#include "commands/on_ranks.hpp"
#include "commands/output_file.hpp"
#include "commands/reconstruction_figures.hpp"
#include "commands/sample_figures.hpp"
#include "model/annealed.hpp"
#include "model/evaluation.hpp"
#include "model/importance.hpp"
#include "report/records.hpp"
#include "report/terminal.hpp"
#include "storage/files.hpp"
#include "training/trained.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

namespace elbo::commands {
namespace {

using model::Evaluation;
using model::LatentDimension;
using model::Mean;
using Clock = std::chrono::steady_clock;

constexpr std::size_t block_rows = 256; ///< of a pass: the same whoever makes it, so that ranks do not show in the bits
constexpr std::size_t most_draws = 1 << 24, most_steps = 1 << 20;
constexpr std::size_t usual_draws = 100, usual_chains = 10, usual_steps = 100;
constexpr double few_effective = 10;

/// What a block of samples sends to rank 0: estimates, what the gap consists of and figures of the reconstruction in
/// doubles, then posterior means and log variances in floats.
struct Block {
    std::size_t rows, columns, gaps, figures, latent;

    std::size_t gaps_at() const { return rows * columns * sizeof(double); }
    std::size_t figures_at() const { return gaps_at() + rows * gaps * sizeof(double); }
    std::size_t means_at() const { return figures_at() + rows * figures * sizeof(double); }
    std::size_t log_variances_at() const { return means_at() + rows * latent * sizeof(float); }
    std::size_t bytes() const { return log_variances_at() + rows * latent * sizeof(float); }
};

template <class T>
Matrix<const T> matrix_at(std::span<const std::byte> bytes, std::size_t offset, std::size_t rows, std::size_t columns) {
    return {reinterpret_cast<const T*>(bytes.data() + offset), rows, columns};
}

std::unique_ptr<model::BoundSampler> make_sampler(model::Vae& model, const EvaluateOptions& options) {
    if (options.method == "ais")
        return std::make_unique<model::AnnealedSampler>(model, block_rows,
                                                        model::importance_levels(options.draws.value_or(usual_chains)),
                                                        options.steps.value_or(usual_steps));
    return std::make_unique<model::ImportanceSampler>(model, block_rows,
                                                      model::importance_levels(options.draws.value_or(usual_draws)));
}

void require_number(const char* option, const std::optional<std::size_t>& number, std::size_t most) {
    if (number && (*number == 0 || *number > most))
        reject("{} {}: expected a number from 1 to {}", option, *number, with_commas(most));
}

void check(const EvaluateOptions& options) {
    constexpr std::string_view methods[] = {"iwae", "ais"};
    if (std::ranges::find(methods, options.method) == std::end(methods))
        reject("--method {}: expected iwae or ais", options.method);
    if (options.steps && options.method != "ais") reject("--steps is of --method ais");
    require_number("--samples", options.draws, most_draws);
    require_number("--steps", options.steps, most_steps);
    require_folder("--json", options.json);
    require_folder("--per-sample", options.per_sample);
}

class Evaluating {
public:
    Evaluating(const comm::Communicator& world, const EvaluateOptions& options)
        : world_(world),
          options_(options),
          terminal_(world.first(), report::Verbosity::normal),
          trained_(training::open_trained(world, options.run, options.checkpoint, block_rows)),
          nodes_(world, trained_.config.communication.shared),
          data_(training::read_data(nodes_, trained_, options.data)),
          sampler_(make_sampler(*trained_.model, options)),
          loader_(data_, training::binarize_of(trained_.config.data), block_rows),
          found_(trained_.model->latent(), sampler_->levels()),
          gap_(trained_, block_rows, options.gap),
          reconstruction_(trained_, data_),
          splitting_(data_.size(), trained_.model->latent()) {}

    void run() {
        world_.on_first([&] {
            if (!options_.per_sample.empty())
                figures_ =
                    open_sample_figures(options_.per_sample, data_.size(), found_.levels(), reconstruction_.names());
            terminal_.line(fmt::format("model   {}", training::describe(trained_)));
            terminal_.line(
                fmt::format("data    {}, {} samples, {}", data_.name(), with_commas(data_.size()), describe_draws()));
        });
        began_ = Clock::now();
        const std::uint64_t blocks = data::batches_from(0, data_.size(), block_rows);
        comm::in_order(
            world_, blocks, comm::Makers::all,
            [&](std::size_t block, std::vector<std::byte>& bytes) { estimate(block, bytes); },
            [&](std::size_t block, std::span<const std::byte> bytes) { take(block, bytes); });
        split_ = splitting_.split(world_, trained_.config.seed);
        world_.on_first([&] { conclude(); });
    }

private:
    data::Range samples_of(std::size_t block) const {
        return data::batch_at(block * block_rows, data_.size(), block_rows);
    }

    Block block_of(std::size_t number) const {
        return {samples_of(number).size(), sampler_->columns(), gap_.columns(), reconstruction_.columns(),
                trained_.model->latent()};
    }

    void estimate(std::size_t number, std::vector<std::byte>& bytes) {
        const std::uint32_t seed = trained_.config.seed;
        const data::Rows rows = loader_.take(samples_of(number), {seed, Purpose::validation_binarize, 0});
        const Block block = block_of(number);
        std::vector<double> estimates(block.rows * block.columns);
        sampler_->estimate(trained_.values.span(), {rows.x, rows.samples}, {seed, Purpose::importance, 0},
                           {estimates.data(), block.rows, block.columns});
        bytes.reserve(block.bytes());
        const auto append = [&bytes](const auto* values, std::size_t count) {
            const auto some = std::as_bytes(std::span(values, count));
            bytes.insert(bytes.end(), some.begin(), some.end());
        };
        append(estimates.data(), estimates.size());
        const std::vector<double> gaps = gap_.measure(rows, *sampler_);
        append(gaps.data(), gaps.size());
        const std::vector<double> figures = reconstruction_.measure(rows.x, sampler_->mean());
        append(figures.data(), figures.size());
        append(sampler_->mean().data(), block.rows * block.latent);
        append(sampler_->log_variance().data(), block.rows * block.latent);
    }

    void take(std::size_t number, std::span<const std::byte> bytes) {
        const Block block = block_of(number);
        const auto estimates = matrix_at<double>(bytes, 0, block.rows, block.columns);
        const auto mean = matrix_at<float>(bytes, block.means_at(), block.rows, block.latent);
        const auto log_variance = matrix_at<float>(bytes, block.log_variances_at(), block.rows, block.latent);
        found_.add(estimates, mean, log_variance);
        splitting_.add(mean, log_variance);
        gap_.add(matrix_at<double>(bytes, block.gaps_at(), block.rows, block.gaps));
        if (found_.not_finite() > 0)
            reject(
                "{}: the bound of sample {} is not finite; is it data of another kind than the model was trained on?",
                data_.name(), with_commas(found_.first_not_finite()));
        const auto figures = matrix_at<double>(bytes, block.figures_at(), block.rows, block.figures);
        reconstruction_.add(figures);
        if (figures_) figures_->add(estimates, figures);
        const std::chrono::duration<double> passed = Clock::now() - began_;
        const double rate = static_cast<double>(found_.samples()) / std::max(passed.count(), 1e-9);
        if (!terminal_.wants_live()) return;
        terminal_.live({"evaluating", static_cast<double>(found_.samples()) / static_cast<double>(data_.size()),
                        fmt::format("ELBO {:.2f}", found_.elbo().value), rate,
                        static_cast<double>(data_.size() - found_.samples()) / rate});
    }

    void conclude() {
        if (figures_)
            figures_->commit({{"checkpoint", trained_.checkpoint.string()},
                              {"data", data_.name()},
                              {"method", options_.method},
                              {"draws", fmt::format("{}", found_.draws())}});
        print_bounds();
        print_latents();
        print_advice();
        if (!options_.json.empty()) storage::write_whole(options_.json, report::object_text(fields()) + "\n");
        const std::chrono::duration<double> passed = Clock::now() - began_;
        terminal_.line(
            fmt::format("\n{} samples in {}", with_commas(found_.samples()), human_duration(passed.count())));
    }

    bool annealed() const { return options_.method == "ais"; }
    std::string describe_draws() const {
        if (!annealed()) return fmt::format("{} draws each", with_commas(found_.draws()));
        return fmt::format("{} chains of {} steps each", with_commas(found_.draws()),
                           with_commas(options_.steps.value_or(usual_steps)));
    }

    double bits_per_dimension() const {
        return -found_.bound(found_.levels().size() - 1).value /
               (static_cast<double>(data_.dimensions()) * std::numbers::ln2);
    }
    double gap() const { return found_.bound(found_.levels().size() - 1).value - found_.elbo().value; }

    void print_bounds();
    void print_latents();
    void print_advice();
    report::Fields fields() const;

    const comm::Communicator& world_;
    const EvaluateOptions& options_;
    report::Terminal terminal_;
    training::Trained trained_;
    comm::Nodes nodes_;
    data::Dataset data_;
    std::unique_ptr<model::BoundSampler> sampler_;
    data::Loader loader_;
    Evaluation found_; ///< rank 0's
    GapFigures gap_;
    ReconstructionFigures reconstruction_; ///< means: rank 0's
    KlSplitting splitting_;
    model::KlSplit split_;                   ///< rank 0's
    std::unique_ptr<SampleFigures> figures_; ///< rank 0's, where they are asked for
    Clock::time_point began_;
};

void Evaluating::print_bounds() {
    const auto row = [&](const std::string& name, Mean mean) {
        terminal_.line(fmt::format("{:<24} {:>12.3f} {:>9.3f}", name, mean.value, mean.error));
    };
    terminal_.line(fmt::format("\n{:<24} {:>12} {:>9}", "", "nats/sample", "+-"));
    row("ELBO", found_.elbo());
    row("  reconstruction", found_.reconstruction());
    row("  KL", found_.kl());
    for (std::size_t level = 0; level < found_.levels().size(); ++level)
        row(fmt::format("L_{}", found_.levels()[level]), found_.bound(level));
    terminal_.line(fmt::format("{:<24} {:>12.3f}", fmt::format("L_{} - ELBO", found_.draws()), gap()));
    if (options_.gap) {
        row("  amortisation", gap_.amortisation());
        terminal_.line(fmt::format("{:<24} {:>12.3f}", "  family", gap() - gap_.amortisation().value));
    }
    terminal_.line(fmt::format("{:<24} {:>12.4f}", "bits/dimension", bits_per_dimension()));
    terminal_.line("");
    for (const std::string& line : reconstruction_.lines()) terminal_.line(line);
    terminal_.line(fmt::format("\nweights  effective sample size {:.1f} of {} (median; 1 in 20 samples below {:.1f})",
                               found_.effective_quantile(0.5), with_commas(found_.draws()),
                               found_.effective_quantile(0.05)));
}

void Evaluating::print_latents() {
    std::vector<LatentDimension> dimensions = found_.dimensions();
    const auto active = std::ranges::count_if(dimensions, &LatentDimension::active);
    terminal_.line(
        fmt::format("latents  {} of {} active: variance of the posterior mean above 0.01", active, dimensions.size()));
    std::ranges::sort(dimensions, std::ranges::greater{}, &LatentDimension::kl);
    std::string kls = "KL a dimension:";
    for (const LatentDimension& dimension : dimensions) kls += fmt::format(" {:.2f}", dimension.kl);
    terminal_.line(wrapped(kls, 9));
    terminal_.line(wrapped(fmt::format("KL {:.2f} = {:.2f} sample-code information + {:.2f} total correlation + {:.2f} "
                                       "dimension-wise (a draw of each of {} samples)",
                                       split_.kl(), split_.mutual_information, split_.total_correlation,
                                       split_.dimension_wise, with_commas(splitting_.samples())),
                           9));
}

void Evaluating::print_advice() {
    const auto advise = [&](const std::string& sentence) { terminal_.line(wrapped("- " + sentence, 2)); };
    const std::vector<LatentDimension> dimensions = found_.dimensions();
    const auto active = static_cast<std::size_t>(std::ranges::count_if(dimensions, &LatentDimension::active));
    if (active == 0)
        advise("The posterior has collapsed: no latent tells samples apart. Try objective.warmup, a smaller "
               "objective.beta or a weaker decoder.");
    else if (2 * active < dimensions.size())
        advise(fmt::format("{} of {} latents carry nothing; a smaller model.latent would do as well.",
                           dimensions.size() - active, dimensions.size()));
    std::string narrow, wide;
    for (std::size_t d = 0; d < dimensions.size(); ++d)
        if (dimensions[d].spread < 0.5)
            narrow += fmt::format(" {}", d);
        else if (dimensions[d].spread > 2)
            wide += fmt::format(" {}", d);
    if (!narrow.empty() || !wide.empty())
        advise(fmt::format("Over the data, codes' variance is{}{}{} where the prior has 1: samples from the prior "
                           "lie elsewhere.",
                           narrow.empty() ? "" : " below 0.5 in dimensions" + narrow,
                           narrow.empty() || wide.empty() ? "" : ",",
                           wide.empty() ? "" : " above 2 in dimensions" + wide));
    const double most_information = std::log(static_cast<double>(splitting_.samples()));
    if (split_.mutual_information > 0.95 * most_information)
        advise(fmt::format("The sample-code information is near its limit, log {} = {:.2f}: more of the KL may be "
                           "information, and less of it correlation, than these samples can show.",
                           with_commas(splitting_.samples()), most_information));
    const double enough = annealed() ? 0.5 * static_cast<double>(found_.draws()) : few_effective;
    if (found_.effective_quantile(0.5) < enough && found_.draws() > 1)
        advise(fmt::format("Of half the samples fewer than {} {} carry the weight, so L_{} is still below the "
                           "log-likelihood; more {} raise it{}.",
                           enough, annealed() ? "chains" : "draws", found_.draws(),
                           annealed() ? "--steps" : "--samples", annealed() ? "" : ", or --method ais"));
    const bool grey = data_.grey() && trained_.config.data.binarize == "none";
    if (grey && trained_.config.model.likelihood.kind == "bernoulli")
        advise("The data is grey and the likelihood bernoulli: these are cross-entropies, no densities, and cannot be "
               "compared with those of other likelihoods.");
}

report::Fields Evaluating::fields() const {
    report::Fields fields = {{"checkpoint", trained_.checkpoint.string()},
                             {"data", data_.name()},
                             {"samples", static_cast<std::int64_t>(found_.samples())},
                             {"method", options_.method},
                             {"draws", static_cast<std::int64_t>(found_.draws())}};
    if (annealed()) fields.emplace_back("steps", static_cast<std::int64_t>(options_.steps.value_or(usual_steps)));
    const auto add = [&](const std::string& name, Mean mean) {
        fields.emplace_back(name + ".mean", mean.value);
        fields.emplace_back(name + ".error", mean.error);
    };
    add("elbo", found_.elbo());
    add("reconstruction", found_.reconstruction());
    add("kl", found_.kl());
    for (std::size_t level = 0; level < found_.levels().size(); ++level)
        add(fmt::format("bound_{}", found_.levels()[level]), found_.bound(level));
    fields.emplace_back("gap", gap());
    if (options_.gap) {
        add("gap_split.amortisation", gap_.amortisation());
        fields.emplace_back("gap_split.family", gap() - gap_.amortisation().value);
    }
    fields.emplace_back("bits_per_dimension", bits_per_dimension());
    fields.emplace_back("effective_sample_size.median", found_.effective_quantile(0.5));
    fields.emplace_back("effective_sample_size.twentieth", found_.effective_quantile(0.05));
    fields.emplace_back("kl_split.mutual_information", split_.mutual_information);
    fields.emplace_back("kl_split.total_correlation", split_.total_correlation);
    fields.emplace_back("kl_split.dimension_wise", split_.dimension_wise);
    fields.emplace_back("kl_split.samples", static_cast<std::int64_t>(splitting_.samples()));
    const std::vector<LatentDimension> dimensions = found_.dimensions();
    fields.emplace_back("active_units", std::ranges::count_if(dimensions, &LatentDimension::active));
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
        fields.emplace_back(fmt::format("kl_per_dimension.{}", d), dimensions[d].kl);
        fields.emplace_back(fmt::format("mean_variance.{}", d), dimensions[d].variance);
        fields.emplace_back(fmt::format("code_variance.{}", d), dimensions[d].spread);
    }
    std::ranges::copy(reconstruction_.fields(), std::back_inserter(fields));
    return fields;
}

} // namespace

Exit evaluate(const EvaluateOptions& options) {
    check(options);
    return on_ranks([&](const comm::Communicator& world) {
        Evaluating(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
