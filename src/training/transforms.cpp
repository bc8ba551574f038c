#include "training/transforms.hpp"

#include "data/statistics.hpp"

#include <algorithm>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace elbo::training {
namespace {

/// Rows of which a block of statistics is made, and groups of blocks that ranks make: a matter of the data alone, so
/// that the figures do not depend on the number of ranks.
constexpr std::uint64_t block_rows = 256;
constexpr std::uint64_t most_groups = 64;
constexpr std::size_t most_figures_bytes = std::size_t{64} << 20; ///< of all groups together

std::uint64_t groups_of(std::uint64_t rows, std::size_t elements) {
    const std::size_t fit = most_figures_bytes / (data::Statistics::figures_of(elements) * sizeof(double));
    return std::clamp<std::uint64_t>(std::min<std::uint64_t>(fit, most_groups), 1,
                                     (rows + block_rows - 1) / block_rows);
}

/// Statistics of some samples' values where the transform standardises.
data::Statistics statistics_of(const data::Dataset& dataset, const data::Transform& transform, data::Range samples) {
    const std::size_t whole = elements(dataset.info().sample_shape()), width = transform.standardised_elements();
    std::vector<std::byte> bytes;
    std::vector<float> values(block_rows * width), sample(whole);
    data::Statistics statistics(width);
    for (data::Range block{samples.begin, 0}; block.begin < samples.end; block.begin = block.end) {
        block.end = std::min(samples.end, block.begin + block_rows);
        const std::byte* rows = dataset.in_memory() ? dataset.at(block.begin).bytes : nullptr;
        if (rows == nullptr) {
            bytes.resize(block.size() * dataset.row_bytes());
            dataset.source()->read(block, bytes);
            rows = bytes.data();
        }
        for (std::uint64_t i = 0; i < block.size(); ++i) {
            dataset.convert(rows + i * dataset.row_bytes(), sample);
            transform.apply_first(*transform.standardises(), sample, nullptr, block.begin + i);
            std::copy_n(sample.begin(), width, values.begin() + static_cast<std::ptrdiff_t>(i * width));
        }
        statistics.add(storage::ElementType::f32, std::as_bytes(std::span(values).first(block.size() * width)));
    }
    return statistics;
}

/// The same of all samples, put together group by group. Collective.
data::Statistics survey(const comm::Communicator& world, const data::Dataset& dataset,
                        const data::Transform& transform) {
    const std::uint64_t count = groups_of(dataset.size(), transform.standardised_elements());
    const std::size_t length = data::Statistics::figures_of(transform.standardised_elements());
    const data::Range mine =
        data::shard_of({0, count}, static_cast<std::uint64_t>(world.rank()), static_cast<std::uint64_t>(world.size()));
    const std::uint64_t blocks = (dataset.size() + block_rows - 1) / block_rows;
    std::vector<double> figures(count * length);
    world.together([&] {
        for (std::uint64_t group = mine.begin; group < mine.end; ++group) {
            const data::Range some = data::shard_of({0, blocks}, group, count);
            const data::Range samples{some.begin * block_rows, std::min(dataset.size(), some.end * block_rows)};
            std::ranges::copy(statistics_of(dataset, transform, samples).figures(),
                              figures.begin() + static_cast<std::ptrdiff_t>(group * length));
        }
    });
    world.sum(std::span(figures)); // the others' are zeros, which change no bit
    data::Statistics all(transform.standardised_elements());
    for (std::uint64_t group = 0; group < count; ++group)
        all.merge(data::Statistics::from(std::span(figures).subspan(group * length, length)));
    return all;
}

/// What is stored, where the transform standardises. Rank 0 reads it for all: another host may have another copy of the
/// file. Collective.
data::Moments stored_there(const comm::Communicator& world, const StoredMoments& stored, const data::Dataset& dataset,
                           const data::Transform& transform) {
    const std::size_t count = elements(dataset.info().sample_shape());
    std::vector<double> figures(2 * count);
    world.on_first([&] {
        const data::Moments read = stored();
        if (read.mean.size() != count || read.variance.size() != count)
            throw std::logic_error("stored figures are not of these samples");
        std::ranges::copy(read.variance, std::ranges::copy(read.mean, figures.begin()).out);
    });
    world.sum(std::span(figures)); // the others' are zeros, which change no bit
    const auto middle = figures.begin() + static_cast<std::ptrdiff_t>(count);
    data::Moments moments{{figures.begin(), middle}, {middle, figures.end()}};
    const double scale = dataset.scale();
    for (double& mean : moments.mean) mean *= scale;
    for (double& variance : moments.variance) variance *= scale * scale;
    return transform.moments_there(std::move(moments));
}

} // namespace

Shape transformed(const config::Data& settings, const Shape& sample) {
    return settings.transform.empty() ? sample : data::Transform(settings.transform, sample).shape();
}

void transform_inputs(const comm::Communicator& world, const config::Config& config, Inputs& inputs,
                      const StoredMoments& stored) {
    const std::vector<config::Settings>& steps = config.data.transform;
    if (steps.empty()) return;
    data::Transform transform =
        agreed(world, [&] { return data::Transform(steps, inputs.train.info().sample_shape()); });
    if (transform.standardises_by_stored() && stored)
        inputs.figures = stored_there(world, stored, inputs.train, transform);
    else if (transform.standardises())
        inputs.figures = survey(world, inputs.train, transform).moments();
    if (inputs.figures) transform.standardise_by(*inputs.figures);
    world.together([&] {
        inputs.train.transform_by(transform);
        if (inputs.validation) inputs.validation->transform_by(transform);
    });
}

void transform_dataset(const comm::Communicator& world, const config::Config& config, data::Dataset& dataset,
                       const std::optional<data::Moments>& figures, const StoredMoments& stored,
                       const std::function<data::Dataset()>& train) {
    const std::vector<config::Settings>& steps = config.data.transform;
    if (steps.empty()) return;
    data::Transform transform = agreed(world, [&] { return data::Transform(steps, dataset.info().sample_shape()); });
    if (transform.standardises() && figures)
        world.together([&] {
            if (figures->mean.size() != transform.standardised_elements())
                reject("{}: samples of {}, but the model standardises by figures of samples of {} elements",
                       dataset.name(), describe(dataset.info().sample_shape()), figures->mean.size());
            transform.standardise_by(*figures);
        });
    else if (transform.standardises_by_stored())
        transform.standardise_by(stored_there(world, stored, dataset, transform));
    else if (transform.standardises())
        transform.standardise_by(survey(world, train(), transform).moments());
    world.together([&] { dataset.transform_by(transform); });
}

} // namespace elbo::training
