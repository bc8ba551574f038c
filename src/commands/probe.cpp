// `elbo probe`: what the codes of a trained model hold of labels that it was not trained on.
#include "base/text.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/probing.hpp"
#include "storage/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <tuple>

namespace elbo::commands {

namespace {

using Clock = std::chrono::steady_clock;

training::ProbeRequest request_of(const ProbeOptions& options) {
    return {options.data, options.labels, options.held_out_labels, options.held_out, options.most};
}

class Probe {
public:
    Probe(const comm::Communicator& world, const ProbeOptions& options)
        : options_(options),
          terminal_(world.first(), report::Verbosity::normal),
          asked_(world, options, {{{"--json", options.json}}, {options.labels, options.held_out_labels}}),
          data_(training::read_probe_data(asked_.nodes, asked_.trained, request_of(options))) {
        world.together([&] {
            if (data_.fit.labels.columns.size() == 1)
                classes_ = classes_of(data_);
            else
                factors_ = factors_of(data_);
        });
    }

    void run() {
        const auto began = Clock::now();
        tell_data();
        const std::size_t dimensions = asked_.dimensions(), latent = asked_.latent();
        Features pixels = features(fmt::format("samples, {} values", dimensions), dimensions);
        Features codes = features(fmt::format("codes, {} means", latent), latent);
        for (const auto& [part, rows, means] : {std::tuple(&data_.fit, &pixels.fit, &codes.fit),
                                                std::tuple(&data_.held_out, &pixels.held_out, &codes.held_out)}) {
            load(*part, *rows);
            encode(*rows, *means);
        }
        const Probing probing{asked_, terminal_, data_, pixels, codes, fields_};
        if (classes_) probe_classes(probing, *classes_);
        if (factors_) probe_factors(probing, *factors_);
        asked_.world.on_first([&] {
            if (!options_.json.empty()) storage::write_whole(options_.json, report::object_text(fields_));
        });
        const std::chrono::duration<double> passed = Clock::now() - began;
        terminal_.line(fmt::format("\nprobed in {}", human_duration(passed.count())));
    }

private:
    void tell_data() {
        terminal_.line(fmt::format("model     {}", training::describe(asked_.trained)));
        const auto tell = [&](const char* what, const char* field, const training::LabelledSamples& part) {
            terminal_.line(
                fmt::format("{:<9} {}, {} samples", what, part.samples->name(), with_commas(part.rows.size())));
            terminal_.line(fmt::format("  labels  {}", part.labels.name));
            const std::string name = field;
            fields_.emplace_back(name + ".data", part.samples->name());
            fields_.emplace_back(name + ".labels", part.labels.name);
            fields_.emplace_back(name + ".samples", static_cast<std::int64_t>(part.rows.size()));
        };
        fields_.emplace_back("checkpoint", asked_.trained.checkpoint.string());
        tell("fit", "fit", data_.fit);
        tell("held out", "held_out", data_.held_out);
    }

    Features features(const std::string& name, std::size_t columns) const {
        return {name, SharedRows(asked_.nodes, data_.fit.rows.size(), columns, name),
                SharedRows(asked_.nodes, data_.held_out.rows.size(), columns, name)};
    }

    void load(const training::LabelledSamples& part, SharedRows& rows) const {
        rows.fill([&](data::Range range, Matrix<float> block) {
            load_rows(*part.samples, std::span(part.rows).subspan(range.begin, range.size()), asked_.binarize(),
                      asked_.seed(), block);
        });
    }

    void encode(const SharedRows& rows, SharedRows& means) {
        std::vector<float> variances(pass_rows * means.columns());
        const auto began = Clock::now();
        means.fill([&](data::Range range, Matrix<float> block) {
            if (terminal_.wants_live())
                terminal_.live(report::progress("encoding", static_cast<double>(range.begin),
                                                static_cast<double>(means.matrix().rows()), began));
            asked_.model().encode(asked_.values(), rows.matrix().some_rows(range.begin, range.size()), block,
                                  {variances.data(), range.size(), block.columns()});
            for (std::size_t i = 0; i < range.size(); ++i)
                if (!std::ranges::all_of(block.row(i), [](float mean) { return std::isfinite(mean); }))
                    reject("{}: the code of a sample is not finite", asked_.trained.checkpoint.string());
        });
    }

    const ProbeOptions& options_;
    report::Terminal terminal_;
    AskedModel asked_;
    training::ProbeData data_;
    std::optional<Classes> classes_;      ///< where labels are one number a sample
    std::optional<KnownFactors> factors_; ///< where they are several
    report::Fields fields_;
};

} // namespace

Exit probe(const ProbeOptions& options) {
    if (!(options.held_out > 0 && options.held_out < 1))
        reject("--held-out {}: expected a fraction above 0 and below 1", options.held_out);
    if (options.most < 2) reject("--samples {}: expected at least 2", options.most);
    return on_ranks([&](const comm::Communicator& world) {
        Probe(world, options).run();
        return Exit::done;
    });
}

} // namespace elbo::commands
