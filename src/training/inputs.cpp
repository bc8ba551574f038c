#include "training/inputs.hpp"

#include "base/version.hpp"
#include "comm/node_memory.hpp"
#include "data/labels.hpp"
#include "data/stored_moments.hpp"
#include "data/transform.hpp"
#include "numerics/denormals.hpp"
#include "numerics/matmul.hpp"
#include "storage/files.hpp"
#include "storage/hash.hpp"
#include "training/transforms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::training {
namespace {

constexpr std::size_t piece_bytes = std::size_t{16} << 20; ///< read between two calls of the progress

using SharedSource = std::shared_ptr<const data::Source>;

storage::Outside outside_of(const config::Data& settings) {
    return settings.allow_external ? storage::Outside::allowed : storage::Outside::refused;
}

/// What a fraction of data.train is for; nothing where all of it is for training.
std::optional<data::Selection> selection_of(const config::Data& settings, const storage::DatasetInfo& train,
                                            data::Split::Part part) {
    if (!settings.validation_fraction) return {};
    if (train.rows() < 2) reject("{}:{}: has one sample; data.validation.fraction needs two", train.file, train.name);
    return data::Selection{{train.rows(), *settings.validation_fraction, settings.split_seed}, part};
}

SharedSource train_source(const config::Data& settings, data::Split::Part part) {
    storage::DatasetReader reader = open_data(settings.train, preferred_train, settings);
    const auto selection = selection_of(settings, reader.info(), part);
    return std::make_shared<data::Source>(std::move(reader), selection);
}

/// Where a step of data.transform goes by figures of the training samples: these, which must be as the others are.
SharedSource train_to_standardise_by(const config::Data& settings, const storage::DatasetInfo& others) {
    const Shape sample = others.sample_shape();
    if (settings.transform.empty() || !data::Transform(settings.transform, sample).standardises()) return {};
    SharedSource train = train_source(settings, data::Split::Part::train);
    if (train->info().sample_shape() != sample)
        reject("{}:{}: samples of {}, but data.transform standardises by figures of {}:{}, samples of {}", others.file,
               others.name, describe(sample), train->info().file, train->info().name,
               describe(train->info().sample_shape()));
    return train;
}

/// Nothing where nothing validates.
SharedSource validation_source(const config::Data& settings) {
    if (settings.validation_fraction) return train_source(settings, data::Split::Part::validation);
    if (settings.validation.empty()) return {};
    return std::make_shared<data::Source>(open_data(settings.validation, preferred_validation, settings));
}

/// Throws AgreedError where ranks see data of different shapes. Collective.
void require_same_shape(const comm::Communicator& world, const storage::DatasetInfo& info) {
    world.require_same(fmt::format("the shape of {}:{}", info.file, info.name),
                       fmt::format("{} {}", describe(info.shape), info.stored));
}

/// What data.labels are, in words; "" where there are none.
std::string survey_labels(const config::Data& settings, const data::Source& train) {
    if (settings.labels.empty()) return {};
    const storage::DatasetReader labels = open_data(settings.labels, "/train/y", settings);
    data::require_fit("data.labels", labels.info(), train.file_info());
    return fmt::format("{}:{}, {}", labels.info().file, labels.info().name,
                       data::describe(data::survey_labels(labels)));
}

/// Whole chunks, so that none is unpacked twice.
data::Range part_of(const storage::DatasetInfo& info, const comm::Communicator& node) {
    const std::uint64_t chunk = info.chunk.empty() ? 1 : info.chunk.front(), rows = info.rows();
    const data::Range chunks = data::shard_of({0, (rows + chunk - 1) / chunk}, static_cast<std::uint64_t>(node.rank()),
                                              static_cast<std::uint64_t>(node.size()));
    return {std::min(rows, chunks.begin * chunk), std::min(rows, chunks.end * chunk)};
}

/// This rank's part of the rows, into the node's memory.
void read_part(const data::Source& source, data::Range part, std::span<std::byte> contents,
               const data::Progress& progress) {
    const std::size_t bytes = source.info().row_bytes();
    const std::uint64_t piece = std::max<std::uint64_t>(1, piece_bytes / bytes);
    for (data::Range rows{part.begin, part.begin}; rows.end < part.end; rows.begin = rows.end) {
        rows.end = std::min(part.end, rows.begin + piece);
        source.read(rows, contents.subspan(rows.begin * bytes, rows.size() * bytes));
        if (progress) progress(rows.end - part.begin, part.size());
    }
    source.require_unchanged();
}

data::Dataset load_into_memory(const comm::Nodes& nodes, const SharedSource& source, const config::Data& settings,
                               const data::Progress& progress) {
    const storage::DatasetInfo& info = source->info();
    const std::size_t row = info.row_bytes(), bytes = info.rows() * row;
    const auto memory = std::make_shared<comm::NodeMemory>(nodes, bytes, fmt::format("{}:{}", info.file, info.name));
    const std::span<std::byte> contents(memory->data(), bytes);
    nodes.world().together([&] { read_part(*source, part_of(info, nodes.node()), contents, progress); });
    // Each node by itself, so that one whose file has other contents is noticed.
    data::Facts facts =
        data::survey(nodes.world(), nodes.node(), info, data::stored_one(info.type, settings.scale),
                     [&](data::Range rows) { return contents.subspan(rows.begin * row, rows.size() * row); });
    return agreed(nodes.world(), [&] {
        if (!facts.problem.empty()) reject("{} {}", source->where(facts.bad_row), facts.problem);
        return data::Dataset(info, facts, contents, memory, settings.scale);
    });
}

data::Dataset leave_in_file(const comm::Communicator& world, const SharedSource& source, const config::Data& settings,
                            const data::Progress& progress) {
    const storage::DatasetInfo& info = source->info();
    std::vector<std::byte> piece;
    const auto read = [&](data::Range rows) {
        piece.resize(rows.size() * info.row_bytes());
        source->read(rows, piece);
        return std::span<const std::byte>(piece);
    };
    data::Facts facts = data::survey(world, world, info, data::stored_one(info.type, settings.scale), read, progress);
    return agreed(world, [&] {
        source->require_unchanged();
        return data::Dataset(source, facts, settings.scale);
    });
}

data::Dataset load(const comm::Nodes& nodes, const SharedSource& source, bool in_memory, const config::Data& settings,
                   const ReadingProgress& progress) {
    const std::string name = fmt::format("{}:{}", source->info().file, source->info().name);
    data::Progress tell;
    if (progress) tell = [&](std::uint64_t done, std::uint64_t of) { progress(name, done, of); };
    data::Dataset dataset = in_memory ? load_into_memory(nodes, source, settings, tell)
                                      : leave_in_file(nodes.world(), source, settings, tell);
    nodes.world().require_same(fmt::format("the contents of {} (a fingerprint)", name), dataset.fingerprint());
    return dataset;
}

/// Nodes in the sense of elbo that are on this rank's host: several where ranks share no memory. Collective.
std::size_t nodes_of_host(const comm::Nodes& nodes) {
    const std::vector<std::string> hosts = nodes.world().gather(nodes.world().host());
    const auto ranks = std::ranges::count(hosts, nodes.world().host());
    return static_cast<std::size_t>(ranks) / static_cast<std::size_t>(nodes.node().size());
}

/// The least of any node's, so that all decide alike. Collective.
DataPlan agreed_plan(const comm::Nodes& nodes, const config::Config& config, const storage::DatasetInfo& train,
                     const std::optional<storage::DatasetInfo>& validation, std::uint64_t virtual_ranks) {
    constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    const std::size_t mine = std::min(most, memory_for_data(config.data, nodes_of_host(nodes)));
    const auto memory = static_cast<std::size_t>(nodes.world().least(static_cast<std::int64_t>(mine)));
    Division division{std::min(asked_batch(config.training, virtual_ranks), train.rows()), virtual_ranks, {}};
    for (std::size_t local = 0; local < static_cast<std::size_t>(nodes.node().size()); ++local) {
        const comm::Leaves leaves = nodes.leaves_of(nodes.mine(), local, virtual_ranks);
        division.ranks.push_back({leaves.begin, leaves.end});
    }
    return agreed(nodes.world(), [&] { return plan_data(config, train, validation, division, memory); });
}

void refuse_other_shapes(const config::Data& settings, const storage::DatasetInfo& train,
                         const std::optional<storage::DatasetInfo>& validation) {
    const Shape shape = train.sample_shape();
    if (!settings.shape.empty() && settings.shape != shape)
        reject("{}:{}: samples of {}, but data.shape is {}; leave it out, or name other data", train.file, train.name,
               describe(shape), describe(settings.shape));
    if (validation && validation->sample_shape() != shape)
        reject("{}:{}: samples of {}, but those of {}:{} are {}", validation->file, validation->name,
               describe(validation->sample_shape()), train.file, train.name, describe(shape));
}

} // namespace

storage::DatasetReader open_data(const std::vector<std::string>& texts, std::string_view preferred,
                                 const config::Data& settings) {
    return storage::DatasetReader(storage::locate(texts, preferred, outside_of(settings)), outside_of(settings));
}

storage::DatasetInfo train_header(const config::Data& settings) {
    return train_source(settings, data::Split::Part::train)->info();
}

std::optional<storage::DatasetInfo> validation_header(const config::Data& settings) {
    const SharedSource source = validation_source(settings);
    return source ? std::optional(source->info()) : std::nullopt;
}

Inputs read_inputs(const comm::Nodes& nodes, const config::Config& config, std::uint64_t virtual_ranks,
                   const ReadingProgress& progress) {
    const config::Data& settings = config.data;
    const SharedSource train = agreed(nodes.world(), [&] { return train_source(settings, data::Split::Part::train); });
    const SharedSource validation = agreed(nodes.world(), [&] { return validation_source(settings); });
    require_same_shape(nodes.world(), train->info());
    std::optional<storage::DatasetInfo> validation_info;
    if (validation) {
        validation_info = validation->info();
        require_same_shape(nodes.world(), *validation_info);
    }
    std::string labels;
    nodes.world().on_first([&] { labels = survey_labels(settings, *train); });
    nodes.world().together([&] {
        refuse_other_shapes(settings, train->info(), validation_info);
        transformed(settings, train->info().sample_shape());
    });
    const DataPlan plan = agreed_plan(nodes, config, train->info(), validation_info, virtual_ranks);
    Inputs inputs{load(nodes, train, plan.train_in_memory, settings, progress), std::nullopt, std::nullopt, plan,
                  labels};
    if (validation) inputs.validation = load(nodes, validation, plan.validation_in_memory, settings, progress);
    transform_inputs(nodes.world(), config, inputs,
                     [&] { return data::stored_moments(train->file_info(), outside_of(settings)); });
    return inputs;
}

data::Dataset read_dataset(const comm::Nodes& nodes, const config::Config& config, const std::string& text,
                           const std::optional<data::Moments>& figures, const ReadingProgress& progress) {
    const config::Data& settings = config.data;
    const SharedSource source = agreed(nodes.world(), [&] {
        if (!text.empty())
            return std::make_shared<const data::Source>(open_data({text}, preferred_validation, settings));
        const SharedSource validation = validation_source(settings);
        return validation ? validation : train_source(settings, data::Split::Part::train);
    });
    require_same_shape(nodes.world(), source->info());
    const SharedSource train = agreed(
        nodes.world(), [&] { return figures ? SharedSource() : train_to_standardise_by(settings, source->info()); });
    const std::size_t bytes = source->info().rows() * source->info().row_bytes();
    const bool fits = bytes <= memory_for_data(settings, nodes_of_host(nodes));
    data::Dataset dataset = load(nodes, source, nodes.world().least(fits ? 1 : 0) == 1, settings, progress);
    transform_dataset(
        nodes.world(), config, dataset, figures,
        [&] { return data::stored_moments(train->file_info(), outside_of(settings)); },
        [&] { return load(nodes, train, false, settings, progress); });
    return dataset;
}

void set_up_numerics(const config::Config& config) {
    flush_denormals();
    set_matmul_threads(static_cast<int>(config.training.threads));
    allow_reference_kernels(config.numerics.allow_reference);
}

std::uint64_t asked_virtual_ranks(const config::Training& settings, std::uint64_t ranks) {
    return settings.virtual_ranks.value_or(ranks * settings.accumulate);
}

std::uint64_t asked_batch(const config::Training& settings, std::uint64_t virtual_ranks) {
    return settings.batch ? *settings.batch : *settings.batch_per_rank * virtual_ranks / settings.accumulate;
}

data::Binarize binarize_of(const config::Data& settings) {
    if (settings.binarize == "threshold") return data::Binarize::threshold;
    return settings.binarize == "dynamic" ? data::Binarize::dynamic : data::Binarize::none;
}

void refuse_outside(const data::Dataset& dataset, std::pair<double, double> support, const config::Config& config) {
    const bool inside = dataset.least() >= support.first && dataset.greatest() <= support.second;
    if (config.data.binarize != "none" || inside) return;
    reject("{}: values from {:.6g} to {:.6g}, but the likelihood {} takes [{}, {}]; set data.scale (a factor on the "
           "stored "
           "values) or another likelihood",
           dataset.name(), dataset.least(), dataset.greatest(), config.model.likelihood.kind, support.first,
           support.second);
}

void require_same_program(const comm::Communicator& world) {
    if (world.size() == 1) return;
    const std::string program = agreed(world, [] { return storage::read_text("/proc/self/exe"); });
    world.require_same("the program (a fingerprint of the file)",
                       storage::fingerprint(version, std::as_bytes(std::span(program))));
    world.require_same("the matrix library", matmul_library_version() + " for " + matmul_instruction_set());
}

} // namespace elbo::training
