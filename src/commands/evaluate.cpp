// `elbo evaluate`: the bounds on the log-likelihood of data that a trained model gives, and how it uses its latents.
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/commands.hpp"
#include "commands/evaluation_report.hpp"
#include "commands/feature_distances.hpp"
#include "commands/kl_split.hpp"
#include "commands/on_ranks.hpp"
#include "commands/output_file.hpp"
#include "commands/sample_figures.hpp"
#include "model/annealed.hpp"
#include "model/importance.hpp"
#include "report/terminal.hpp"
#include "storage/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>

namespace elbo::commands {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_draws = 1 << 24, most_steps = 1 << 20;

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
    std::vector<std::size_t> levels = model::importance_levels(draws_of(options));
    if (annealed(options))
        return std::make_unique<model::AnnealedSampler>(model, pass_rows, std::move(levels), steps_of(options));
    return std::make_unique<model::ImportanceSampler>(model, pass_rows, std::move(levels));
}

void require_number(const char* option, const std::optional<std::size_t>& number, std::size_t most) {
    if (number && (*number == 0 || *number > most))
        reject("{} {}: expected a number from 1 to {}", option, *number, with_commas(most));
}

void check(const EvaluateOptions& options) {
    constexpr std::string_view methods[] = {"iwae", "ais"};
    if (std::ranges::find(methods, options.method) == std::end(methods))
        reject("--method {}: expected iwae or ais", options.method);
    if (options.steps && !annealed(options)) reject("--steps is of --method ais");
    require_number("--samples", options.draws, most_draws);
    require_number("--steps", options.steps, most_steps);
    if (!options.labels.empty() && !options.features) reject("--labels {}: is of --features", options.labels);
}

CommandFiles files_of(const EvaluateOptions& options) {
    return {{{"--json", options.json}, {"--per-sample", options.per_sample, Existing::refused}}, {options.labels}};
}

/// What a rank estimates at a time: small blocks of almost equal size, so that all ranks have as much to do.
constexpr std::uint64_t most_samples_of_a_block = 64;

class Evaluating {
public:
    Evaluating(const comm::Communicator& world, const EvaluateOptions& options)
        : options_(options),
          terminal_(world.first(), report::Verbosity::normal),
          asked_(world, options, files_of(options)),
          sampler_(make_sampler(asked_.model(), options)),
          found_(asked_.latent(), sampler_->levels()),
          gap_(asked_.trained, pass_rows, options.gap),
          reconstruction_(asked_.trained, asked_.data),
          splitting_(asked_.data.size(), asked_.latent()) {
        if (options.features) features_.emplace(asked_, options.labels);
    }

    void run() {
        const comm::Communicator& world = asked_.world;
        world.on_first([&] { introduce(); });
        began_ = Clock::now();
        comm::in_order(
            world, blocks(),
            [&](std::size_t block, std::vector<std::byte>& bytes, const comm::Meanwhile& meanwhile) {
                sampler_->tell(meanwhile);
                estimate(block, bytes);
            },
            [&](std::size_t block, std::span<const std::byte> bytes) { take(block, bytes); });
        sampler_->tell({});
        split_ = splitting_.split(world, asked_.seed());
        if (features_) features_->measure(terminal_);
        world.on_first([&] { conclude(); });
    }

private:
    void introduce() {
        if (!options_.per_sample.empty())
            figures_ =
                open_sample_figures(options_.per_sample, asked_.data.size(), found_.levels(), reconstruction_.names());
        const std::vector<std::string> lines = asked_.introduction();
        const std::string draws = with_commas(found_.draws());
        terminal_.line(lines.at(0));
        terminal_.line(lines.at(1) + (annealed(options_) ? fmt::format(", {} chains of {} steps each", draws,
                                                                       with_commas(steps_of(options_)))
                                                         : fmt::format(", {} draws each", draws)));
    }

    std::uint64_t blocks() const { return data::batches_from(0, asked_.data.size(), most_samples_of_a_block); }

    data::Range samples_of(std::size_t block) const { return data::shard_of({0, asked_.data.size()}, block, blocks()); }

    Block block_of(std::size_t number) const {
        return {samples_of(number).size(), sampler_->columns(), gap_.columns(), reconstruction_.columns(),
                asked_.latent()};
    }

    void estimate(std::size_t number, std::vector<std::byte>& bytes) {
        const data::Rows rows = asked_.take(samples_of(number));
        const Block block = block_of(number);
        std::vector<double> estimates(block.rows * block.columns);
        sampler_->estimate(asked_.values(), {rows.x, rows.samples}, {asked_.seed(), Purpose::importance, 0},
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
                asked_.data.name(), with_commas(found_.first_not_finite()));
        const auto figures = matrix_at<double>(bytes, block.figures_at(), block.rows, block.figures);
        reconstruction_.add(figures);
        keep([&] { figures_->add(estimates, figures); });
        if (terminal_.wants_live())
            terminal_.live(report::progress("evaluating", static_cast<double>(found_.samples()),
                                            static_cast<double>(asked_.data.size()), began_,
                                            fmt::format("ELBO {:.2f}", found_.elbo().value)));
    }

    /// What goes wrong with the file of every sample's figures, on a full disk say, is told after those of all.
    void keep(const std::function<void()>& write) {
        if (!figures_) return;
        try {
            write();
        } catch (const std::exception&) {
            not_kept_ = std::current_exception();
            figures_.reset();
        }
    }

    void commit_figures() {
        auto about = asked_.about();
        about.emplace_back("method", options_.method);
        about.emplace_back("draws", fmt::format("{}", found_.draws()));
        keep([&] { figures_->commit(about); });
        if (not_kept_) std::rethrow_exception(not_kept_);
    }

    void conclude() {
        const EvaluationReport report{options_,        asked_,
                                      found_,          gap_,
                                      reconstruction_, features_ ? &*features_ : nullptr,
                                      split_,          splitting_.samples()};
        for (const std::string& line : report.lines()) terminal_.line(line);
        if (!options_.json.empty()) storage::write_whole(options_.json, report::object_text(report.fields()) + "\n");
        const std::chrono::duration<double> passed = Clock::now() - began_;
        terminal_.line(
            fmt::format("\n{} samples in {}", with_commas(found_.samples()), human_duration(passed.count())));
        commit_figures();
    }

    const EvaluateOptions& options_;
    report::Terminal terminal_;
    Asked asked_;
    std::unique_ptr<model::BoundSampler> sampler_;
    model::Evaluation found_; ///< rank 0's
    GapFigures gap_;
    ReconstructionFigures reconstruction_; ///< means: rank 0's
    KlSplitting splitting_;
    std::optional<FeatureDistances> features_;
    model::KlSplit split_;                   ///< rank 0's
    std::unique_ptr<SampleFigures> figures_; ///< rank 0's, where they are asked for
    std::exception_ptr not_kept_;            ///< why they could not be written
    Clock::time_point began_;
};

} // namespace

Exit evaluate(const EvaluateOptions& options) {
    check(options);
    return on_ranks([&](const comm::Communicator& world) {
        Evaluating(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
