#include "training/inputs.hpp"

#include "base/version.hpp"
#include "comm/node_memory.hpp"
#include "numerics/denormals.hpp"
#include "numerics/matmul.hpp"
#include "storage/files.hpp"
#include "storage/hash.hpp"

#include <fmt/format.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace elbo::training {
namespace {

data::Dataset load(const comm::Nodes& nodes, const std::vector<std::string>& texts, std::string_view preferred,
                   const config::Data& settings) {
    const storage::DatasetReader reader = agreed(nodes.world(), [&] { return open_data(texts, preferred, settings); });
    const storage::DatasetInfo& info = reader.info();
    const std::string name = fmt::format("{}:{}", info.file, info.name);
    nodes.world().require_same("the shape of " + name, fmt::format("{} {}", describe(info.shape), info.stored));

    const std::size_t bytes = info.rows() * info.row_bytes();
    const auto memory = std::make_shared<comm::NodeMemory>(nodes.node(), bytes, name);
    const std::span<std::byte> contents(memory->data(), bytes);
    nodes.world().together([&] {
        if (nodes.node().first()) reader.read_rows(0, info.rows(), contents);
    });
    data::Dataset dataset =
        agreed(nodes.world(), [&] { return data::Dataset(info, contents, memory, settings.scale); });
    nodes.world().require_same(fmt::format("the contents of {} (a fingerprint)", name), dataset.fingerprint());
    return dataset;
}

} // namespace

storage::DatasetReader open_data(const std::vector<std::string>& texts, std::string_view preferred,
                                 const config::Data& settings) {
    const auto outside = settings.allow_external ? storage::Outside::allowed : storage::Outside::refused;
    return storage::DatasetReader(storage::locate(texts, preferred, outside), outside);
}

Inputs read_inputs(const comm::Nodes& nodes, const config::Config& config) {
    const config::Data& settings = config.data;
    Inputs inputs{load(nodes, settings.train, preferred_train, settings), std::nullopt};
    const Shape shape = inputs.train.info().sample_shape();
    if (!settings.validation.empty())
        inputs.validation = load(nodes, settings.validation, preferred_validation, settings);
    nodes.world().together([&] {
        if (!settings.shape.empty() && settings.shape != shape)
            reject("{}: samples of {}, but data.shape is {}; leave it out, or name other data", inputs.train.name(),
                   describe(shape), describe(settings.shape));
        if (inputs.validation && inputs.validation->info().sample_shape() != shape)
            reject("{}: samples of {}, but those of {} are {}", inputs.validation->name(),
                   describe(inputs.validation->info().sample_shape()), inputs.train.name(), describe(shape));
    });
    return inputs;
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
