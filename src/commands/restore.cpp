// `elbo restore`: denoising, inpainting and super-resolution by a trained model, beside plain ways, with what is known
// not to be certain.
#include "base/text.hpp"
#include "comm/pieces.hpp"
#include "commands/image_output.hpp"
#include "commands/on_ranks.hpp"
#include "commands/reconstruction_figures.hpp"
#include "commands/restoration_figures.hpp"
#include "commands/restoration_task.hpp"
#include "model/restoration.hpp"
#include "storage/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace elbo::commands {
namespace {

constexpr std::size_t block_rows = 8; ///< samples of a pass: the same whoever makes it
constexpr std::size_t max_rows = 256; ///< of the model's passes
constexpr std::size_t usual_samples = 16, most_in_picture = 16, most_draws = 64, most_steps = 100000;
constexpr std::uint64_t residual_samples = 1024;

/// What there is of a sample besides its draws, in the order in which it is sent, drawn and stored.
constexpr const char* kinds[] = {"truth", "observed", "baseline", "mean", "spread"};
constexpr std::size_t spread_place = 4;

void check_numbers(const RestoreOptions& options) {
    if (options.draws == 0 || options.draws > most_draws)
        reject("--draws {}: expected a number from 1 to {}", options.draws, most_draws);
    if (options.steps > most_steps) reject("--steps {}: expected a number up to {}", options.steps, most_steps);
    task_of(options);
}

CommandFiles all_files_of(const RestoreOptions& options) {
    CommandFiles files = files_of(options);
    files.outputs.push_back({"--json", options.json});
    files.sources.push_back(options.mask.value_or(""));
    return files;
}

std::vector<float> mask_of(const comm::Communicator& world, const RestoreOptions& options, const Shape& image) {
    std::vector<float> mask(elements(image));
    if (!options.mask) return mask;
    world.on_first([&] { mask = read_mask(*options.mask, image); });
    world.broadcast(std::span(mask));
    return mask;
}

class Restoring {
public:
    Restoring(const comm::Communicator& world, const RestoreOptions& options)
        : options_(options),
          output_(options.output.empty() ? std::nullopt : std::optional(ImageOutput::open(world, options))),
          asked_(world, options, all_files_of(options), max_rows),
          seed_(options.seed.value_or(asked_.trained.config.seed)),
          terminal_(world.first(), report::Verbosity::normal) {
        world.together([&] {
            asked_.require_images("restore");
            samples_ = asked_.samples("-n", options.from, options.samples, usual_samples);
        });
        const Shape& image = asked_.trained.sample_shape;
        const std::vector<float> mask = mask_of(world, options, image);
        task_ = training::agreed(world, [&] { return RestorationTask(options, image, asked_.data, mask, seed_); });
        figures_ = std::make_unique<RestorationFigures>(*task_, asked_.trained, asked_.data);
    }

    void run() {
        if (task_->observed().empty()) task_->set_residual(residual());
        for (const std::string& line : asked_.introduction()) terminal_.line(line);
        terminal_.line(wrapped("task    " + task_->description(), 0));
        began_ = std::chrono::steady_clock::now();
        comm::in_order(
            asked_.world, data::batches_from(0, samples_.size(), block_rows), comm::Makers::all,
            [&](std::size_t block, std::vector<std::byte>& bytes) { make(block, bytes); },
            [&](std::size_t block, std::span<const std::byte> bytes) { take(block, bytes); });
        asked_.world.on_first([&] { conclude(); });
    }

private:
    std::size_t images() const { return std::size(kinds) + options_.draws; } ///< of a sample

    data::Range block_of(std::size_t number) const {
        const data::Range range = data::batch_at(number * block_rows, samples_.size(), block_rows);
        return {samples_.begin + range.begin, samples_.begin + range.end};
    }

    /// How far means of E[x | z] are from the samples' own, over the data's first samples: the same on every rank.
    double residual() {
        const std::uint64_t count = std::min(asked_.data.size(), residual_samples);
        double sum = 0;
        for (std::uint64_t begin = 0; begin < count; begin += max_rows) {
            const data::Range some = data::batch_at(begin, count, max_rows);
            const std::vector<float> x = asked_.copy(some);
            const Matrix<const float> rows(x.data(), some.size(), asked_.dimensions());
            const std::vector<float> back = asked_.decode(asked_.means(rows));
            for (std::size_t i = 0; i < some.size(); ++i)
                sum += task_->residual(rows.row(i), std::span(back).subspan(i * rows.columns(), rows.columns()));
        }
        // A model that gives back everything would leave nothing to weigh what is observed by.
        return std::max(sum / static_cast<double>(count), 1e-6);
    }

    /// Figures, then images sample by sample.
    void make(std::size_t number, std::vector<std::byte>& bytes) {
        const data::Range some = block_of(number);
        const std::size_t width = asked_.dimensions();
        const std::vector<float> truth = asked_.copy(some);
        const Matrix<const float> rows(truth.data(), some.size(), width);
        std::vector<std::uint64_t> numbers;
        for (std::uint64_t sample = some.begin; sample < some.end; ++sample) numbers.push_back(sample);
        const Seen seen = task_->observe(rows, numbers);
        model::Restorer restorer(*asked_.trained.model, {options_.steps, options_.draws, seed_});
        model::Restored restored =
            restorer.restore(asked_.values(), seen.observation, {seen.baseline.data(), some.size(), width}, numbers);
        const std::vector<double> figures = figures_->measure(rows, seen, restored);
        const auto append = [&bytes](auto values) {
            const auto part = std::as_bytes(values);
            bytes.insert(bytes.end(), part.begin(), part.end());
        };
        append(std::span(figures));
        const std::vector<float>* const each[] = {&truth, &seen.shown, &seen.baseline, &restored.mean,
                                                  &restored.spread};
        for (std::size_t i = 0; i < some.size(); ++i) {
            for (const std::vector<float>* values : each) append(std::span(*values).subspan(i * width, width));
            append(std::span(restored.draws).subspan(i * options_.draws * width, options_.draws * width));
        }
    }

    void take(std::size_t number, std::span<const std::byte> bytes) {
        const std::size_t rows = block_of(number).size();
        figures_->add({reinterpret_cast<const double*>(bytes.data()), rows, figures_->columns()});
        taken_ += rows;
        const auto* const values =
            reinterpret_cast<const float*>(bytes.data() + rows * figures_->columns() * sizeof(double));
        if (output_ && (!output_->is_picture() || kept() < most_in_picture))
            images_.insert(images_.end(), values, values + rows * images() * asked_.dimensions());
        const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
        const double rate = static_cast<double>(taken_) / std::max(passed.count(), 1e-9);
        if (!terminal_.wants_live()) return;
        terminal_.live({"restoring", static_cast<double>(taken_) / static_cast<double>(samples_.size()), "", rate,
                        static_cast<double>(samples_.size() - taken_) / rate});
    }

    /// Samples whose images are kept.
    std::size_t kept() const { return images_.size() / (images() * asked_.dimensions()); }

    /// One kind of image of the kept samples.
    std::vector<float> images_of(std::size_t place) const;
    images::Picture picture() const;
    void write() const;
    void conclude();

    const RestoreOptions& options_;
    std::optional<ImageOutput> output_;
    Asked asked_;
    std::uint32_t seed_;
    report::Terminal terminal_;
    data::Range samples_;
    std::optional<RestorationTask> task_;
    std::unique_ptr<RestorationFigures> figures_;
    std::vector<float> images_; ///< rank 0's: [samples, kinds and draws, dimensions]
    std::size_t taken_ = 0;
    std::chrono::steady_clock::time_point began_;
};

std::vector<float> Restoring::images_of(std::size_t place) const {
    const std::size_t width = asked_.dimensions(), stride = images() * width;
    std::vector<float> some;
    for (std::size_t begin = place * width; begin < images_.size(); begin += stride)
        some.insert(some.end(), images_.begin() + static_cast<std::ptrdiff_t>(begin),
                    images_.begin() + static_cast<std::ptrdiff_t>(begin + width));
    return some;
}

images::Picture Restoring::picture() const {
    const std::size_t count = std::min(kept(), most_in_picture);
    const auto [least, greatest] = value_range(asked_.data);
    std::vector<std::vector<float>> lines;
    images::Block block{{}, count, {}};
    for (std::size_t place = 0; place < images(); ++place) {
        std::vector<float> values = images_of(place);
        if (place == spread_place)
            for (float& value : values) value = static_cast<float>(2 * value / (greatest - least));
        else
            values = shown(values, asked_.data);
        lines.push_back(std::move(values));
        block.rows.emplace_back(lines.back().data(), count, asked_.dimensions());
        block.labels.emplace_back(place < std::size(kinds) ? kinds[place]
                                                           : fmt::format("draw {}", place - std::size(kinds) + 1));
    }
    return images::grid(asked_.trained.sample_shape, {block});
}

void Restoring::write() const {
    const Shape& image = asked_.trained.sample_shape;
    std::vector<std::vector<float>> parts;
    std::vector<NamedArray> tables;
    for (std::size_t place = 0; place < std::size(kinds); ++place) parts.push_back(images_of(place));
    for (std::size_t place = 0; place < parts.size(); ++place)
        tables.push_back({fmt::format("/{}", kinds[place]), several(kept(), image), parts[place]});
    std::vector<float> draws;
    const std::size_t width = asked_.dimensions();
    for (std::size_t i = 0; i < kept(); ++i) {
        const auto own = std::span(images_).subspan((i * images() + std::size(kinds)) * width, options_.draws * width);
        draws.insert(draws.end(), own.begin(), own.end());
    }
    tables.push_back({"/draws", several(kept(), several(options_.draws, image)), draws});
    output_->write({[&] { return picture(); }, {{}, several(kept(), several(images(), image)), images_}, tables},
                   asked_);
}

void Restoring::conclude() {
    terminal_.line("");
    for (const std::string& line : figures_->lines(samples_.size())) terminal_.line(line);
    if (!options_.json.empty()) {
        report::Fields fields = {{"checkpoint", asked_.trained.checkpoint.string()},
                                 {"data", asked_.data.name()},
                                 {"task", options_.task},
                                 {"first_sample", static_cast<std::int64_t>(samples_.begin)},
                                 {"samples", static_cast<std::int64_t>(samples_.size())},
                                 {"steps", static_cast<std::int64_t>(options_.steps)},
                                 {"seed", static_cast<std::int64_t>(seed_)}};
        std::ranges::copy(figures_->fields(), std::back_inserter(fields));
        storage::write_whole(options_.json, report::object_text(fields) + "\n");
    }
    if (!output_) return;
    write();
    const std::string some = output_->is_picture() && samples_.size() > most_in_picture
                                 ? fmt::format(" the first {} samples'", most_in_picture)
                                 : "";
    terminal_.line(
        wrapped(fmt::format("wrote {}:{} truth, what is observed, baseline, mean, spread{}, draws", options_.output,
                            some, output_->is_picture() ? " (white: half the range of values)" : ""),
                0));
}

} // namespace

Exit restore(const RestoreOptions& options) {
    check_numbers(options);
    return on_ranks([&](const comm::Communicator& world) {
        Restoring(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
