// `elbo sample`: draws of x from a trained model, of codes from its prior, from posteriors of data or from a mixture.
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/code_source.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/sample_output.hpp"
#include "images/picture.hpp"
#include "training/seen_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <optional>

namespace elbo::commands {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t most_samples = std::uint64_t{1} << 40; ///< that noise is addressed for
constexpr std::size_t piece_bytes = std::size_t{64} << 20;     ///< of samples that a rank sends at once, about

/// "mnist-prior.png" of runs/mnist, in the folder that one is in.
std::string default_name(const SampleOptions& options, const training::Trained& trained) {
    const bool is_folder = fs::is_directory(options.run);
    const fs::path run = is_folder ? fs::canonical(options.run).filename() : fs::path(options.run).stem();
    std::string from = options.from;
    std::ranges::replace(from, ':', '-');
    return fmt::format("{}-{}{}", run.string(), from, images::is_image(trained.sample_shape) ? ".png" : ".npy");
}

CodeOptions codes_of(const SampleOptions& options, std::uint32_t seed) {
    return {options.from, options.data, options.temperature, seed};
}

/// A folder is looked at as it is opened, and a name of elbo's own as it is made.
CommandFiles files_of(const SampleOptions& options) {
    if (options.output.ends_with("/")) return {};
    return {{{"-o", options.output, existing(options.replace)}}};
}

class Sampling {
public:
    Sampling(const comm::Communicator& world, const SampleOptions& options)
        : options_(options),
          terminal_(world.first(), report::Verbosity::normal),
          asked_(world, options, files_of(options)),
          seed_(options.seed.value_or(asked_.seed())),
          rows_(std::clamp<std::size_t>(piece_bytes / (asked_.dimensions() * sizeof(float)), 1, pass_rows)) {}

    void run() {
        const comm::Communicator& world = asked_.world;
        const auto codes = open_code_source(asked_, codes_of(options_, seed_));
        world.on_first([&] { open_output(); });
        codes->prepare(terminal_);
        began_ = Clock::now();
        std::vector<float> z(rows_ * asked_.latent());
        const std::uint64_t pieces = data::batches_from(0, options_.samples, rows_);
        comm::in_order(
            world, pieces, comm::Makers::all,
            [&](std::size_t piece, std::vector<std::byte>& bytes) {
                make(*codes, data::batch_at(piece * rows_, options_.samples, rows_), z, bytes);
            },
            [&](std::size_t piece, std::span<const std::byte> bytes) {
                take(data::batch_at(piece * rows_, options_.samples, rows_), bytes);
            });
        world.on_first([&] { conclude(); });
    }

private:
    void open_output() {
        training::SeenValues values = training::seen_values(asked_.trained);
        if (options_.output.empty()) {
            options_.output = default_name(options_, asked_.trained);
            files_of(options_).require();
        }
        if (options_.as_stored) {
            if (shows_images(options_.output))
                reject("--as-stored: {} is of images, which show all values from black to white; name a file that ends "
                       "in .npy or .h5",
                       options_.output);
            to_stored_.emplace(training::to_stored_values(asked_.trained));
            values.text = "as the data holds them: data.scale and data.transform are undone";
        }
        output_ = open_sample_output({options_.output, options_.replace, options_.samples, asked_.trained.sample_shape,
                                      values.range, values.text});
        terminal_.line(fmt::format("model   {}", training::describe(asked_.trained)));
        if (!shows_images(options_.output)) terminal_.line("values  " + wrapped(values.text, 8).substr(8));
    }

    void make(CodeSource& codes, data::Range numbers, std::span<float> room, std::vector<std::byte>& bytes) {
        const std::size_t rows = numbers.size();
        const Matrix<float> z(room.data(), rows, asked_.latent());
        codes.draw(numbers.begin, z);
        bytes.resize(rows * asked_.dimensions() * sizeof(float));
        const Matrix<float> x(reinterpret_cast<float*>(bytes.data()), rows, asked_.dimensions());
        if (options_.mean) return asked_.model().decode(asked_.values(), z, x);
        std::vector<std::uint64_t> samples(rows);
        std::iota(samples.begin(), samples.end(), numbers.begin);
        asked_.model().draw(asked_.values(), z, {seed_, Purpose::likelihood, 0}, samples, 0, x);
    }

    void take(data::Range numbers, std::span<const std::byte> bytes) {
        const Matrix<const float> seen(reinterpret_cast<const float*>(bytes.data()), numbers.size(),
                                       asked_.dimensions());
        if (to_stored_)
            add_stored(seen);
        else
            output_->add(seen);
        if (terminal_.wants_live())
            terminal_.live(report::progress("sampling", static_cast<double>(numbers.end),
                                            static_cast<double>(options_.samples), began_));
    }

    void add_stored(Matrix<const float> seen) {
        std::vector<float> values(seen.data(), seen.data() + seen.rows() * seen.columns());
        const Matrix<float> stored(values.data(), seen.rows(), seen.columns());
        for (std::size_t i = 0; i < stored.rows(); ++i) to_stored_->apply(stored.row(i));
        output_->add(stored);
    }

    void conclude() {
        const std::string what = options_.mean ? "E[x | z]" : "a draw of p(x | z)";
        const std::string found = output_->commit({{"checkpoint", asked_.trained.checkpoint.string()},
                                                   {"x", what},
                                                   {"z", from_text()},
                                                   {"seed", fmt::format("{}", seed_)}});
        terminal_.line(fmt::format("x       {}, z from {}", what, from_text()));
        terminal_.line(fmt::format("wrote   {}: {}", options_.output, found));
    }

    std::string from_text() const {
        if (options_.temperature == 1) return options_.from;
        return fmt::format("{} at temperature {:g}", options_.from, options_.temperature);
    }

    SampleOptions options_;
    report::Terminal terminal_;
    AskedModel asked_;
    std::uint32_t seed_;
    std::size_t rows_;                     ///< of a piece: by the model alone, so that ranks do not show in the bits
    std::unique_ptr<SampleOutput> output_; ///< rank 0's
    std::optional<data::InverseTransform> to_stored_; ///< where it is asked for
    Clock::time_point began_;
};

} // namespace

Exit sample(const SampleOptions& options) {
    if (options.samples == 0 || options.samples > most_samples)
        reject("-n {}: expected a number of samples from 1 to {}", options.samples, with_commas(most_samples));
    require_code_source(codes_of(options, 0));
    if (!options.output.empty()) require_sample_name(options.output);
    return on_ranks([&](const comm::Communicator& world) {
        Sampling(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
