// `elbo encode`: the codes of data, by the encoder or by what the model itself makes of its draws.
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/code_output.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "model/inference.hpp"
#include "report/terminal.hpp"
#include "training/trained.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

namespace elbo::commands {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t block_rows = 256; ///< of a pass: the same whoever makes it, so that ranks do not show in the bits
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
        : world_(world),
          options_(options),
          kind_(kind_of(options.posterior)),
          terminal_(world.first(), report::Verbosity::normal),
          trained_(training::open_trained(world, options.run, options.checkpoint, block_rows)),
          nodes_(world, trained_.config.communication.shared),
          data_(training::read_data(nodes_, trained_, options.data)),
          seed_(options.seed.value_or(trained_.config.seed)),
          loader_(data_, training::binarize_of(trained_.config.data), block_rows) {
        const std::size_t latent = trained_.model->latent();
        world.together([&] {
            if (options.draws > most_values / latent)
                reject("--draws {}: expected at most {} for {} latents", options.draws,
                       with_commas(most_values / latent), latent);
            inference_ = kind_.make(*trained_.model, block_rows, {options.draws, options.candidates, seed_});
        });
    }

    void run() {
        world_.on_first([&] {
            output_ = open_code_output({options_.output, options_.replace, data_.size(), trained_.model->latent(),
                                        options_.draws, kind_.figure});
            terminal_.line(fmt::format("model   {}", training::describe(trained_)));
            terminal_.line(fmt::format("data    {}, {} samples", data_.name(), with_commas(data_.size())));
        });
        began_ = Clock::now();
        comm::in_order(
            world_, data::batches_from(0, data_.size(), block_rows), comm::Makers::all,
            [&](std::size_t number, std::vector<std::byte>& bytes) { infer(samples_of(number), bytes); },
            [&](std::size_t number, std::span<const std::byte> bytes) { take(samples_of(number), bytes); });
        world_.on_first([&] { conclude(); });
    }

private:
    data::Range samples_of(std::size_t block) const {
        return data::batch_at(block * block_rows, data_.size(), block_rows);
    }
    Block block_of(data::Range samples) const { return {samples.size(), trained_.model->latent(), options_.draws}; }

    void infer(data::Range samples, std::vector<std::byte>& bytes) {
        const data::Rows rows = loader_.take(samples, {trained_.config.seed, Purpose::validation_binarize, 0});
        const Block block = block_of(samples);
        bytes.resize(block.bytes());
        const auto at = [&](std::size_t offset, std::size_t columns) {
            return Matrix<float>(reinterpret_cast<float*>(bytes.data() + offset), block.rows, columns);
        };
        inference_->infer(trained_.values.span(), {rows.x, rows.samples},
                          {at(block.means_at(), block.latent),
                           at(block.log_variances_at(), block.latent),
                           at(block.z_at(), block.draws * block.latent),
                           {reinterpret_cast<double*>(bytes.data()), block.rows}});
    }

    void take(data::Range samples, std::span<const std::byte> bytes) {
        const Block block = block_of(samples);
        const auto floats = [&](std::size_t offset, std::size_t columns) {
            return std::span(reinterpret_cast<const float*>(bytes.data() + offset), block.rows * columns);
        };
        const CodeRows codes = {floats(block.means_at(), block.latent),
                                floats(block.log_variances_at(), block.latent),
                                floats(block.z_at(), block.draws * block.latent),
                                {reinterpret_cast<const double*>(bytes.data()), block.rows}};
        require_finite(samples, block, codes);
        output_->add(block.rows, codes);
        if (!kind_.figure.empty()) figures_.insert(figures_.end(), codes.figure.begin(), codes.figure.end());
        if (!terminal_.wants_live()) return;
        const std::chrono::duration<double> passed = Clock::now() - began_;
        const double rate = static_cast<double>(samples.end) / std::max(passed.count(), 1e-9);
        terminal_.live({"encoding", static_cast<double>(samples.end) / static_cast<double>(data_.size()), "", rate,
                        static_cast<double>(data_.size() - samples.end) / rate});
    }

    void require_finite(data::Range samples, const Block& block, const CodeRows& codes) const {
        for (std::size_t i = 0; i < block.rows; ++i) {
            const auto finite = [&](std::span<const float> values) {
                return std::ranges::all_of(values.subspan(i * block.latent, block.latent),
                                           [](float value) { return std::isfinite(value); });
            };
            if (finite(codes.mean) && finite(codes.log_variance)) continue;
            reject("{}: the code of sample {} is not finite; is it data of another kind than the model was trained on?",
                   data_.name(), with_commas(samples.begin + i));
        }
    }

    void conclude() {
        std::vector<std::pair<std::string, std::string>> about = {{"checkpoint", trained_.checkpoint.string()},
                                                                  {"data", data_.name()},
                                                                  {"posterior", std::string(kind_.name)},
                                                                  {"seed", fmt::format("{}", seed_)}};
        std::string how = fmt::format("{}, {}", kind_.name, kind_.meaning);
        if (!kind_.figure.empty()) {
            about.emplace_back("candidates", fmt::format("{}", options_.candidates));
            const auto middle = figures_.begin() + static_cast<std::ptrdiff_t>(figures_.size() / 2);
            std::ranges::nth_element(figures_, middle);
            how += fmt::format(" ({} each): {} {:.1f} (median)", with_commas(options_.candidates),
                               in_words(kind_.figure), *middle);
        }
        const std::string contents = output_->commit(about);
        say("codes", how);
        say("wrote", fmt::format("{}: {}", options_.output, contents));
        const std::chrono::duration<double> passed = Clock::now() - began_;
        terminal_.line(fmt::format("\n{} samples in {}", with_commas(data_.size()), human_duration(passed.count())));
    }

    void say(const std::string& label, const std::string& text) {
        terminal_.line(fmt::format("{:<8}{}", label, wrapped(text, 8).substr(8)));
    }

    static std::string in_words(std::string_view name) {
        std::string words(name);
        std::ranges::replace(words, '_', ' ');
        return words;
    }

    const comm::Communicator& world_;
    const EncodeOptions& options_;
    const model::InferenceKind& kind_;
    report::Terminal terminal_;
    training::Trained trained_;
    comm::Nodes nodes_;
    data::Dataset data_;
    std::uint32_t seed_;
    data::Loader loader_;
    std::unique_ptr<model::Inference> inference_;
    std::unique_ptr<CodeOutput> output_; ///< rank 0's, as all that follows
    std::vector<double> figures_;
    Clock::time_point began_;
};

} // namespace

Exit encode(const EncodeOptions& options) {
    kind_of(options.posterior);
    if (options.candidates == 0 || options.candidates > most_candidates)
        reject("--samples {}: expected a number from 1 to {}", options.candidates, with_commas(most_candidates));
    require_code_name(options.output);
    return on_ranks([&](const comm::Communicator& world) {
        Encoding(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
