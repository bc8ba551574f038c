#include "training/announce.hpp"

#include "base/text.hpp"
#include "base/version.hpp"
#include "comm/cores.hpp"
#include "numerics/matmul.hpp"
#include "training/data_start.hpp"
#include "training/estimate.hpp"

#include <fmt/format.h>

namespace elbo::training {
namespace {

/// Rows a rank below which products are too small to be fast.
constexpr std::uint64_t few_rows = 16;

std::string changes_text(const std::vector<config::Difference>& changes) {
    std::string text;
    for (const config::Difference& change : changes)
        text += fmt::format("\n  {}: {} -> {}", change.key, change.before, change.after);
    return text;
}

std::string describe_likelihood(const config::Config& config, const data::Dataset& dataset) {
    const bool grey = config.model.likelihood.kind == "bernoulli" && config.data.binarize == "none" && dataset.grey();
    return grey ? "cross-entropy (bernoulli on grey values, no density)" : config.model.likelihood.kind;
}

std::string describe_data(const data::Dataset& dataset) {
    const Shape stored = dataset.info().sample_shape(), seen = dataset.sample_shape();
    return fmt::format("{}, {} samples of {} {}{}", dataset.name(), with_commas(dataset.size()), describe(stored),
                       storage::name_of(dataset.info().type),
                       seen == stored ? "" : ", of which the model sees " + describe(seen));
}

void announce_start(const config::Config& config, const Start& start, const Trainer& trainer,
                    report::Terminal& terminal, Monitor& monitor) {
    const State& state = trainer.state();
    for (const std::string& warning : start.found.warnings) {
        terminal.warning(warning);
        monitor.event("warning", {{"message", warning}});
    }
    if (start.kind == Start::Kind::begin) {
        monitor.event("start", {{"elbo", std::string(version)}});
        return;
    }
    terminal.field("resume", fmt::format("{} at step {}, epoch {} of {}", start.found.checkpoint.string(),
                                         with_commas(state.step), state.epoch, config.training.epochs));
    monitor.event("resume", {{"checkpoint", start.found.checkpoint.filename().string()},
                             {"epoch", static_cast<std::int64_t>(state.epoch)},
                             {"step", static_cast<std::int64_t>(state.step)}});
    if (start.virtual_ranks != start.virtual_ranks_before) {
        terminal.line(fmt::format("virtual ranks {} -> {} from step {}: from here on the last bits may differ",
                                  start.virtual_ranks_before, start.virtual_ranks, with_commas(state.step)));
        monitor.event("virtual_ranks", {{"before", static_cast<std::int64_t>(start.virtual_ranks_before)},
                                        {"after", static_cast<std::int64_t>(start.virtual_ranks)},
                                        {"step", static_cast<std::int64_t>(state.step)}});
    }
    if (start.found.changes.empty()) return;
    terminal.line("changed " + changes_text(start.found.changes));
    for (const config::Difference& change : start.found.changes)
        monitor.event("change", {{"key", change.key}, {"before", change.before}, {"after", change.after}});
}

/// What the ranks of each node have to share, said once for each different complaint.
void warn_of_cores(const comm::Communicator& world, const config::Config& config, const Trainer& trainer,
                   report::Terminal& terminal) {
    const comm::Nodes& nodes = trainer.nodes();
    const comm::Cores cores = comm::cores_of_node(nodes.node(), static_cast<int>(config.training.threads));
    const std::vector<std::string> warnings = world.gather(nodes.node().first() ? comm::warning_text(cores) : "");
    for (const std::string& warning : warnings)
        if (!warning.empty()) terminal.warning(warning);
}

void announce_values(const Taken& taken, report::Terminal& terminal, Monitor& monitor) {
    if (taken.file.empty()) return;
    terminal.field("values", describe_taken(taken));
    terminal.detail(describe_arrays(taken));
    monitor.event("start_values", {{"file", taken.file},
                                   {"part", taken.part},
                                   {"arrays", static_cast<std::int64_t>(taken.arrays.size())},
                                   {"values", static_cast<std::int64_t>(taken.values)}});
}

/// Where products are in another precision than the usual one, or than the one asked for.
void announce_precision(const config::Config& config, const Trainer& trainer, report::Terminal& terminal,
                        Monitor& monitor) {
    const Precision asked = config.training.precision, used = trainer.precision();
    if (used != Precision::fp32)
        terminal.field("products",
                       fmt::format("{} ({}), sums and values fp32", name_of(used), matmul_instruction_set()));
    if (used == asked) return;
    const std::string reason = fmt::format("{} on this CPU ({}) has no {} products", matmul_library_version(),
                                           matmul_instruction_set(), name_of(asked));
    terminal.warning(
        fmt::format("training.precision is {}, but {}: {} is used", name_of(asked), reason, name_of(used)));
    monitor.event("precision",
                  {{"asked", std::string(name_of(asked))}, {"used", std::string(name_of(used))}, {"reason", reason}});
}

/// How gradients travel where there are several nodes. Rank 0's.
void announce_network(const Trainer& trainer, report::Terminal& terminal, Monitor& monitor) {
    const std::optional<comm::Exchange::Between>& between = trainer.exchange().between();
    if (!between) return;
    report::Fields fields = {{"nodes", static_cast<std::int64_t>(trainer.nodes().count())},
                             {"route", std::string(comm::name_of(between->route))},
                             {"buckets", static_cast<std::int64_t>(between->buckets)},
                             {"bucket_bytes", static_cast<std::int64_t>(between->bucket_bytes)},
                             {"precision", std::string(name_of(between->precision))}};
    std::string measured;
    if (const auto& network = between->network) {
        measured = fmt::format(", {:.3g} Gb/s, {:.3g} us", network->bandwidth * 8e-9, network->latency * 1e6);
        fields.emplace_back("gigabits_per_second", network->bandwidth * 8e-9);
        fields.emplace_back("latency_us", network->latency * 1e6);
    }
    terminal.field("network",
                   fmt::format("{} nodes{}: {} bucket{} of {}, {}", trainer.nodes().count(), measured, between->buckets,
                               between->buckets == 1 ? "" : "s",
                               human_bytes(static_cast<double>(between->bucket_bytes)), comm::name_of(between->route)));
    if (between->precision != Precision::fp32)
        terminal.warning(fmt::format("communication.precision is {}: gradients are rounded where they leave a node, so "
                                     "the last bits depend on the number of nodes",
                                     name_of(between->precision)));
    monitor.event("network", fields);
}

/// "7.06 GFLOP".
std::string operations(double count) {
    constexpr std::string_view prefixes[] = {"", "k", "M", "G", "T", "P"};
    std::size_t prefix = 0;
    for (; count >= 999.5 && prefix + 1 < std::size(prefixes); ++prefix) count /= 1000;
    return fmt::format("{:.3g} {}FLOP", count, prefixes[prefix]);
}

void tell_model(const config::Config& config, const Trainer& trainer, report::Terminal& terminal) {
    const double each = trainer.model().flops_per_sample();
    terminal.line(fmt::format("elbo {}", version));
    terminal.field("model", fmt::format("{}, {} parameters", describe_model(config, trainer.model()),
                                        with_commas(trainer.model().parameters().trainable())));
    terminal.field("work", fmt::format("{} a sample, {} a step", operations(each),
                                       operations(each * static_cast<double>(trainer.batch()))));
    terminal.field(
        "loglik",
        describe_likelihood(config, trainer.train_data()) +
            (config.data.binarize == "none" ? "" : fmt::format(", pixels binarised ({})", config.data.binarize)));
    terminal.field("train", describe_data(trainer.train_data()));
    if (trainer.validation_data()) terminal.field("validate", describe_data(*trainer.validation_data()));
    if (!trainer.labels().empty()) terminal.field("labels", trainer.labels());
}

/// Who computes what, and what memory that takes.
void tell_ranks(const config::Config& config, const Trainer& trainer, report::Terminal& terminal) {
    const comm::Nodes& nodes = trainer.nodes();
    const auto ranks = static_cast<std::uint64_t>(nodes.world().size());
    const std::uint64_t batch = trainer.batch();
    terminal.field("batch",
                   fmt::format("{} = {}{} a rank x {}, {} steps an epoch", batch, batch % ranks ? "up to " : "",
                               data::largest_shard(batch, ranks), ranks, with_commas(trainer.steps_an_epoch())));
    const Machine machine{nodes.count(), static_cast<std::size_t>(nodes.node().size())};
    const Memory memory = memory_of_a_node(config, trainer.model(), machine,
                                           data::largest_shard(batch, trainer.virtual_ranks()), trainer.data_plan());
    terminal.field("ranks", fmt::format("{} on {} node{}, {} thread{} each, about {} of memory a node", ranks,
                                        nodes.count(), nodes.count() == 1 ? "" : "s", config.training.threads,
                                        config.training.threads == 1 ? "" : "s",
                                        human_bytes(static_cast<double>(memory.node()))));
    if (trainer.virtual_ranks() != ranks)
        terminal.field("order", fmt::format("sums over {} virtual ranks", trainer.virtual_ranks()));
}

} // namespace

void announce(const comm::Communicator& world, const config::Config& config, const Start& start, const Taken& taken,
              const Trainer& trainer, report::Terminal& terminal, Monitor& monitor) {
    tell_model(config, trainer, terminal);
    const std::uint64_t ranks = world.size(), rows = data::largest_shard(trainer.batch(), ranks);
    tell_ranks(config, trainer, terminal);
    if (ranks > 1 && rows < few_rows)
        terminal.warning(
            fmt::format("{} rows a rank are few: a larger training.batch or fewer ranks would be faster", rows));
    warn_of_cores(world, config, trainer, terminal);
    world.on_first([&] {
        announce_start(config, start, trainer, terminal, monitor);
        announce_data(config, trainer, terminal, monitor);
        announce_precision(config, trainer, terminal, monitor);
        announce_network(trainer, terminal, monitor);
        announce_values(taken, terminal, monitor);
        monitor.status("running", std::nullopt, trainer);
    });
}

namespace {

using Widths = std::vector<std::pair<std::string, int>>;

void add_widths(const std::vector<config::Settings>& layers, Widths& names) {
    for (const config::Settings& layer : layers) {
        add_widths(layer.layers, names);
        const bool dense = layer.kind == "dense", convolution = layer.kind == "conv" || layer.kind == "deconv";
        if (!dense && !convolution) continue;
        const std::string name = fmt::format("{}{}", dense ? "" : layer.kind, layer.integer(layer.kind));
        if (!dense && !names.empty() && names.back().first == name)
            ++names.back().second;
        else
            names.emplace_back(name, 1);
    }
}

/// "-400-400" of dense layers, "-4xconv32" of four alike; others are left out.
std::string widths_of(const std::vector<config::Settings>& layers) {
    Widths names;
    add_widths(layers, names);
    std::string text;
    for (const auto& [name, times] : names) text += times > 1 ? fmt::format("-{}x{}", times, name) : "-" + name;
    return text;
}

} // namespace

std::string describe_layers(const config::Model& model) {
    return fmt::format("{}-{}{}", widths_of(model.encoder), model.latent, widths_of(model.decoder)).substr(1);
}

std::string describe_model(const config::Config& config, const model::Vae& model) {
    return fmt::format("VAE {}-{}-{}", model.dimensions(), describe_layers(config.model), model.dimensions());
}

} // namespace elbo::training
