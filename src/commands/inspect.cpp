// `elbo inspect`: what a dataset, a checkpoint or a configuration holds. Needs no MPI.
#include "base/text.hpp"
#include "commands/commands.hpp"
#include "commands/inspect_dataset.hpp"
#include "commands/on_ranks.hpp"
#include "commands/output_file.hpp"
#include "config/config.hpp"
#include "data/plan.hpp"
#include "model/vae.hpp"
#include "storage/checkpoint.hpp"
#include "storage/dataset.hpp"
#include "training/estimate.hpp"
#include "training/inputs.hpp"
#include "training/schema.hpp"
#include "training/state.hpp"
#include "training/transforms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

namespace elbo::commands {
namespace {

std::size_t longest_name(std::span<const layers::NamedShape> shapes) {
    std::size_t longest = 0;
    for (const layers::NamedShape& named : shapes) longest = std::max(longest, named.name.size());
    return longest;
}

/// Parameters with their shapes and sizes, and how many numbers there are in all.
void print_arrays(std::span<const layers::NamedShape> arrays) {
    const std::size_t width = std::max<std::size_t>(32, longest_name(arrays));
    std::size_t total = 0;
    for (const auto& [path, shape] : arrays) {
        fmt::print("  {:<{}} {:>14} {:>13}\n", path, width, describe(shape), with_commas(elements(shape)));
        total += elements(shape);
    }
    fmt::print("  {:<{}} {:>14} {:>13}\n", "in all", width, "", with_commas(total));
}

void inspect_checkpoint(const std::filesystem::path& file) {
    const storage::CheckpointReader reader(file);
    const training::State state = training::from_attributes(reader);
    fmt::print("{}: checkpoint, checksum right, {}\n", file.string(),
               human_bytes(static_cast<double>(std::filesystem::file_size(file))));
    fmt::print("  step    {}\n  epoch   {}\n", with_commas(state.step), state.epoch);
    if (state.position > 0)
        fmt::print("  within  {} samples into epoch {}\n", with_commas(state.position), state.epoch + 1);
    if (state.best_epoch > 0)
        fmt::print("  best    validation ELBO {:.3f} after epoch {}\n", state.best, state.best_epoch);
    for (const auto& [key, value] : reader.text().about) fmt::print("  {:<22} {}\n", key, value);
    fmt::print("\nparameters\n");
    constexpr std::string_view prefix = "/parameters/";
    std::vector<layers::NamedShape> arrays;
    for (const storage::ArrayInfo& array : reader.arrays())
        if (array.path.starts_with(prefix)) arrays.push_back({array.path.substr(prefix.size()), array.shape});
    print_arrays(arrays);
}

void print_shapes(const char* stack, std::span<const layers::NamedShape> shapes) {
    const std::size_t width = std::max<std::size_t>(10, longest_name(shapes));
    for (const auto& [name, shape] : shapes) {
        fmt::print("  {:<10}{:<{}}  {}\n", stack, name, width, describe(shape));
        stack = "";
    }
}

void print_parameters(const model::Vae& model) {
    fmt::print("\nparameters\n");
    std::vector<layers::NamedShape> arrays;
    for (const layers::Parameter& parameter : model.parameters().all())
        arrays.push_back({parameter.path, parameter.shape});
    print_arrays(arrays);
}

void print_memory(const training::Memory& memory, const model::Vae& model) {
    const auto row = [](const std::string& what, std::size_t bytes) {
        fmt::print("  {:<38} {:>10}\n", what, human_bytes(static_cast<double>(bytes)));
    };
    const std::string each = memory.ranks == 1 ? "" : fmt::format(", {} ranks", memory.ranks);
    fmt::print("\nmemory of a node{}\n", each);
    row(model.precision() == Precision::bf16 ? "values and their bf16 copy, shared" : "values, one copy",
        memory.values);
    if (memory.data > 0)
        row(memory.data_whole ? "data in its own type, one copy" : "data, read ahead of its turn", memory.data);
    row("gradients" + each, memory.gradients);
    if (memory.messages > 0)
        row(fmt::format("between {} nodes, {}", memory.nodes, comm::name_of(memory.route)), memory.messages);
    row("optimiser's state", memory.optimizer);
    row("activations and batches" + each, memory.ranks * memory.workspace);
    row("processes, MPI and oneDNN" + each, memory.processes);
    row(memory.data > 0 ? "in all" : "in all, without data", memory.node());
    row("in all while it saves", memory.node() + memory.checkpoint);
}

void inspect_configuration(const InspectOptions& options) {
    const config::Config config = config::parse(config::read_source(options.file), options.rest, training::schema());
    training::set_up_numerics(config);
    const storage::DatasetInfo train = training::header_or_shape(config.data);
    const bool there = train.rows() > 0;
    std::optional<storage::DatasetInfo> validation;
    if (there) validation = training::validation_header(config.data);
    const training::Machine machine{options.nodes.value_or(1), options.ranks.value_or(1)};
    const training::DataPlan plan =
        there ? training::plan_of_a_node(config, train, validation, machine) : training::DataPlan{};
    const std::uint64_t parts =
        std::max<std::uint64_t>(machine.all(), training::asked_virtual_ranks(config.training, machine.all()));
    std::size_t batch = training::asked_batch(config.training, parts);
    if (there) batch = std::min(batch, train.rows());
    const std::size_t rows = data::largest_shard(batch, parts); // that are computed at a time
    const Shape sample = training::transformed(config.data, train.sample_shape());
    const model::Vae model(config.model, sample, rows, config.training.precision);

    const std::string data = there ? fmt::format("{}:{}, {} x {} {}", train.file, train.name, with_commas(train.rows()),
                                                 describe(train.sample_shape()), storage::name_of(train.type))
                                   : fmt::format("{} is not there; samples of {} as data.shape says", train.file,
                                                 describe(train.sample_shape()));
    const std::string rounds = parts > machine.all() ? fmt::format(", {} at a time", rows) : "";
    fmt::print("{}: configuration\n  output  {}\n  train   {}\n  batch   {} = up to {} a rank x {}{}\n", options.file,
               config.output, data, batch, data::largest_shard(batch, machine.all()), machine.all(), rounds);
    fmt::print("\nshapes of a sample\n");
    print_shapes("encoder", model.encoder_shapes());
    print_shapes("decoder", model.decoder_shapes());
    print_parameters(model);
    fmt::print("\na training step takes {:.2f} million floating point operations a sample, in {}\n",
               model.flops_per_sample() / 1e6, name_of(model.precision()));
    print_memory(training::memory_of_a_node(config, model, machine, rows, plan), model);
}

/// The file of FILE:/dataset, or the first that a pattern of files matches.
std::filesystem::path first_file(const std::string& text) {
    const std::vector<std::filesystem::path> files = storage::files_of(std::vector{text});
    if (files.empty()) reject("{}: no such file", text);
    return files.front();
}

/// Of something else than a configuration.
void refuse_keys(const InspectOptions& options) {
    if (options.ranks || options.nodes)
        reject("{}: --ranks and --nodes belong to a configuration (.yaml)", options.file);
    for (const std::string& word : options.rest)
        if (word.find('=') != std::string::npos && storage::files_of(std::vector{word}).empty())
            reject("{}: key=value belongs to a configuration (.yaml)", options.file);
}

void require_picture(const InspectOptions& options) {
    CommandFiles files{{{"--picture", options.picture}}, options.rest};
    files.sources.push_back(options.file);
    files.require();
}

void inspect_any(const InspectOptions& options) {
    const std::filesystem::path file = first_file(options.file);
    const std::string extension = file.extension().string();
    const bool has_option = options.statistics || !options.picture.empty() || options.allow_external;
    const bool is_configuration = extension == ".yaml" || extension == ".yml";
    const bool is_checkpoint = !is_configuration && storage::is_checkpoint(file);
    if (has_option && (is_configuration || is_checkpoint))
        reject("{}: --stats, --picture and --allow-external belong to datasets", options.file);
    if (!is_configuration) refuse_keys(options);
    require_picture(options);
    if (is_configuration)
        inspect_configuration(options);
    else if (is_checkpoint)
        inspect_checkpoint(file);
    else if (storage::is_hdf5(file))
        inspect_datasets(options);
    else
        reject("{}: neither an HDF5 file, nor a checkpoint, nor a configuration (.yaml)", options.file);
}

} // namespace

Exit inspect(const InspectOptions& options) {
    return on_first_process([&] { inspect_any(options); });
}

} // namespace elbo::commands
