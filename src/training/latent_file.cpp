#include "training/latent_file.hpp"

#include "base/error.hpp"
#include "data/split.hpp"
#include "storage/attributes.hpp"
#include "storage/dataset.hpp"
#include "training/inputs.hpp"
#include "training/labels_beside.hpp"

#include <fmt/format.h>

#include <numeric>

namespace elbo::training {
namespace {

constexpr std::size_t most_columns = 16; ///< of labels that are kept

std::vector<std::uint64_t> numbers_to(std::uint64_t count) {
    std::vector<std::uint64_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

/// The labels that the configuration names, or else a dataset y beside the training samples.
storage::DatasetReader training_labels(const config::Data& settings, const storage::DatasetInfo& train) {
    if (settings.labels.empty()) return labels_beside(train, "y", "data.labels", outside_of(settings));
    return open_data(settings.labels, "/train/y", settings);
}

void write_doubles(storage::DatasetFileWriter& file, const std::string& name, const Shape& shape,
                   std::span<const double> values) {
    file.create(name, shape, storage::ElementType::f64);
    file.write_rows(name, 0, shape.at(0), std::as_bytes(values));
}

} // namespace

void LatentFile::write(Validation validation) {
    trainer_.clock().enter(comm::Phase::agreeing);
    world_.sum(std::span(validation.means)); // the others' are zeros, which change no bit
    trainer_.clock().enter(comm::Phase::picture);
    if (world_.first())
        monitor_.attempt(paths_.latents(), [&] {
            if (!looked_) labels_ = find_labels(validation.means.size() / validation.latents.size());
            looked_ = true;
            write_file(validation);
        });
    trainer_.clock().enter(comm::Phase::reporting);
}

void LatentFile::write_file(const Validation& validation) {
    const std::size_t latent = validation.latents.size(), samples = validation.means.size() / latent;
    std::vector<double> kl, variance;
    for (const model::LatentDimension& dimension : validation.latents) {
        kl.push_back(dimension.kl);
        variance.push_back(dimension.variance);
    }
    storage::DatasetFileWriter file(paths_.latents());
    file.create("/mean", {samples, latent}, storage::ElementType::f32);
    file.write_rows("/mean", 0, samples, std::as_bytes(std::span(validation.means)));
    write_doubles(file, "/kl", {latent}, kl);
    write_doubles(file, "/variance", {latent}, variance);
    if (labels_) {
        write_doubles(file, "/label", {samples, labels_->columns.size()}, labels_->values);
        file.attribute("/label", "columns", fmt::format("{}", fmt::join(labels_->columns, ", ")));
        file.attribute("/label", "source", labels_->name);
        if (!labels_->meaning.empty()) file.attribute("/label", "names", labels_->meaning);
    }
    const State& state = trainer_.state();
    file.attribute("/", "epoch", fmt::format("{}", state.epoch));
    file.attribute("/", "step", fmt::format("{}", state.step));
    file.attribute("/", "samples", fmt::format("{}", validation.bound.samples));
    file.commit();
}

std::optional<data::LabelValues> LatentFile::find_labels(std::size_t samples) const {
    const config::Data& settings = config_.data;
    try {
        const storage::DatasetReader labels = training_labels(settings, trainer_.train_data().info());
        const std::uint64_t of_training = trainer_.train_data().size(), all = trainer_.validation_data()->size();
        std::optional<data::LabelValues> found;
        if (settings.validation_fraction && labels.info().rows() == of_training + all) {
            const data::Split split(labels.info().rows(), *settings.validation_fraction, settings.split_seed);
            std::vector<std::uint64_t> rows = numbers_to(samples);
            for (std::uint64_t& row : rows) row = split.row(data::Split::Part::validation, row);
            found = data::read_labels(labels, rows);
        } else if (!settings.validation_fraction) {
            const storage::DatasetReader others = labels_beside(
                trainer_.validation_data()->info(), last_of(labels.info().name), "data.labels", outside_of(settings));
            if (others.info().rows() == all) found = data::read_labels(others, numbers_to(samples));
        }
        if (found && found->columns.size() > most_columns) return {};
        return found;
    } catch (const InputError&) {
        return {}; // codes are worth looking at without labels too
    }
}

} // namespace elbo::training
