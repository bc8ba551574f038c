// `elbo encode`: the codes of data, by the encoder or by what the model itself makes of its draws.
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/asked.hpp"
#include "commands/code_output.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "model/inference.hpp"
#include "report/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

namespace elbo::commands {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t usual_candidates = 100;
constexpr std::size_t most_candidates = 1 << 16;          ///< whose weights stay in memory for a block
constexpr std::size_t most_values = std::size_t{1} << 20; ///< of a sample's draws: a block of them is 1 GiB

const model::InferenceKind& kind_of(const std::string& name) {
    std::vector<std::string_view> names;
    for (const model::InferenceKind& kind : model::inference_kinds()) {
        if (kind.name == name) return kind;
        names.push_back(kind.name);
    }
    reject("--posterior {}: expected one of {}", name, joined(names));
}

void check(const EncodeOptions& options) {
    kind_of(options.posterior);
    const std::optional<std::size_t>& candidates = options.candidates;
    if (candidates && (*candidates == 0 || *candidates > most_candidates))
        reject("--samples {}: expected a number from 1 to {}", *candidates, with_commas(most_candidates));
    if (candidates && options.posterior == "q")
        reject("--samples {}: is of --posterior importance and hmc", *candidates);
    require_code_name(options.output);
    if (options.draws.value_or(0) > 0 && options.output.ends_with(".npy"))
        reject("--draws {}: {} gets the means alone; name a file that ends in .h5", *options.draws, options.output);
}

/// What a block of samples sends to rank 0: figures, means, log variances and draws.
struct Block {
    std::size_t rows, latent, draws;

    std::size_t means_at() const { return rows * sizeof(double); }
    std::size_t log_variances_at() const { return means_at() + rows * latent * sizeof(float); }
    std::size_t z_at() const { return log_variances_at() + rows * latent * sizeof(float); }
    std::size_t bytes() const { return z_at() + rows * draws * latent * sizeof(float); }
};

class Encoding {
public:
    Encoding(const comm::Communicator& world, const EncodeOptions& options)
        : options_(options),
          kind_(kind_of(options.posterior)),
          terminal_(world.first(), report::Verbosity::normal),
          asked_(world, options, {{{"output", options.output, existing(options.replace)}}}),
          seed_(options.seed.value_or(asked_.seed())) {
        const std::size_t latent = asked_.latent();
        world.together([&] {
            if (draws() > most_values / latent)
                reject("--draws {}: expected at most {} for {} latents", draws(), with_commas(most_values / latent),
                       latent);
            inference_ = kind_.make(asked_.model(), pass_rows, {draws(), candidates(), seed_});
        });
    }

    void run() {
        const comm::Communicator& world = asked_.world;
        output_.emplace(world, CodeOutputOptions{options_.output, asked_.data.size(), asked_.latent(), draws(),
                                                 kind_.figure, texts()});
        for (const std::string& line : asked_.introduction()) terminal_.line(line);
        began_ = Clock::now();
        comm::in_order(
            world, data::batches_from(0, asked_.data.size(), pass_rows), comm::Makers::all,
            [&](std::size_t number, std::vector<std::byte>& bytes) { infer(samples_of(number), bytes); },
            [&](std::size_t number, std::span<const std::byte> bytes) { take(samples_of(number), bytes); });
        output_->commit(world);
        world.on_first([&] { conclude(); });
    }

private:
    std::size_t draws() const { return options_.draws.value_or(1); }
    std::size_t candidates() const { return options_.candidates.value_or(usual_candidates); }
    data::Range samples_of(std::size_t block) const {
        return data::batch_at(block * pass_rows, asked_.data.size(), pass_rows);
    }
    Block block_of(data::Range samples) const { return {samples.size(), asked_.latent(), draws()}; }

    void infer(data::Range samples, std::vector<std::byte>& bytes) {
        const data::Rows rows = asked_.take(samples);
        const Block block = block_of(samples);
        bytes.resize(block.bytes());
        const auto at = [&](std::size_t offset, std::size_t columns) {
            return Matrix<float>(reinterpret_cast<float*>(bytes.data() + offset), block.rows, columns);
        };
        inference_->infer(asked_.values(), {rows.x, rows.samples},
                          {at(block.means_at(), block.latent),
                           at(block.log_variances_at(), block.latent),
                           at(block.z_at(), block.draws * block.latent),
                           {reinterpret_cast<double*>(bytes.data()), block.rows}});
        const CodeRows codes = codes_in(bytes, block);
        require_finite(samples, block, codes);
        if (!output_->is_shared()) return;
        output_->write(samples.begin, codes);
        bytes.resize(block.means_at()); // what rank 0 needs of it
    }

    void take(data::Range samples, std::span<const std::byte> bytes) {
        const Block block = block_of(samples);
        if (!output_->is_shared()) output_->write(samples.begin, codes_in(bytes, block));
        const std::span figures(reinterpret_cast<const double*>(bytes.data()), block.rows);
        if (!kind_.figure.empty()) figures_.insert(figures_.end(), figures.begin(), figures.end());
        if (terminal_.wants_live())
            terminal_.live(report::progress("encoding", static_cast<double>(samples.end),
                                            static_cast<double>(asked_.data.size()), began_));
    }

    static CodeRows codes_in(std::span<const std::byte> bytes, const Block& block) {
        const auto floats = [&](std::size_t offset, std::size_t columns) {
            return std::span(reinterpret_cast<const float*>(bytes.data() + offset), block.rows * columns);
        };
        return {floats(block.means_at(), block.latent),
                floats(block.log_variances_at(), block.latent),
                floats(block.z_at(), block.draws * block.latent),
                {reinterpret_cast<const double*>(bytes.data()), block.rows}};
    }

    void require_finite(data::Range samples, const Block& block, const CodeRows& codes) const {
        for (std::size_t i = 0; i < block.rows; ++i) {
            const auto finite = [&](std::span<const float> values) {
                return std::ranges::all_of(values.subspan(i * block.latent, block.latent),
                                           [](float value) { return std::isfinite(value); });
            };
            if (finite(codes.mean) && finite(codes.log_variance)) continue;
            reject("{}: the code of sample {} is not finite; is it data of another kind than the model was trained on?",
                   asked_.data.name(), with_commas(samples.begin + i));
        }
    }

    storage::FileTexts texts() const {
        storage::FileTexts texts = asked_.about();
        texts.emplace_back("posterior", kind_.name);
        texts.emplace_back("seed", fmt::format("{}", seed_));
        if (!kind_.figure.empty()) texts.emplace_back("candidates", fmt::format("{}", candidates()));
        return texts;
    }

    void conclude() {
        std::string how = fmt::format("{}, {}", kind_.name, kind_.meaning);
        if (!kind_.figure.empty()) {
            const auto middle = figures_.begin() + static_cast<std::ptrdiff_t>(figures_.size() / 2);
            std::ranges::nth_element(figures_, middle);
            how += fmt::format(" ({} each): {} {:.1f} (median)", with_commas(candidates()), in_words(kind_.figure),
                               *middle);
        }
        say("codes", how);
        say("wrote", fmt::format("{}: {}{}", options_.output, output_->contents(),
                                 output_->is_shared() ? "" : "; by rank 0, since some hosts do not see the file"));
        const std::chrono::duration<double> passed = Clock::now() - began_;
        terminal_.line(
            fmt::format("\n{} samples in {}", with_commas(asked_.data.size()), human_duration(passed.count())));
    }

    void say(const std::string& label, const std::string& text) {
        terminal_.line(fmt::format("{:<8}{}", label, wrapped(text, 8).substr(8)));
    }

    static std::string in_words(std::string_view name) {
        std::string words(name);
        std::ranges::replace(words, '_', ' ');
        return words;
    }

    const EncodeOptions& options_;
    const model::InferenceKind& kind_;
    report::Terminal terminal_;
    Asked asked_;
    std::uint32_t seed_;
    std::unique_ptr<model::Inference> inference_;
    std::optional<CodeOutput> output_;
    std::vector<double> figures_; ///< rank 0's
    Clock::time_point began_;
};

} // namespace

Exit encode(const EncodeOptions& options) {
    check(options);
    return on_ranks([&](const comm::Communicator& world) {
        Encoding(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
