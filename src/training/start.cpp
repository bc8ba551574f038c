#include "training/start.hpp"

#include "base/text.hpp"
#include "base/version.hpp"
#include "comm/cores.hpp"
#include "numerics/matmul.hpp"
#include "training/data_start.hpp"

#include <fmt/format.h>

namespace elbo::training {
namespace {

namespace fs = std::filesystem;

/// Rows a rank below which products are too small to be fast.
constexpr std::uint64_t few_rows = 16;

void refuse_other_data(const Found& found, const Trainer& trainer) {
    const auto check = [&](const data::Dataset* dataset, const std::string& before, const char* key) {
        const std::string now = dataset ? dataset->fingerprint() : "";
        if (now == before) return;
        reject("{}: {} has fingerprint {}, but the run was trained on data with {}; give the same data, choose another "
               "output, or start anew with --fresh",
               key, dataset ? dataset->name() : "(none)", now.empty() ? "(none)" : now,
               before.empty() ? "(none)" : before);
    };
    check(&trainer.train_data(), found.train_data, "data.train");
    check(trainer.validation_data(), found.validation_data, "data.validation");
}

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
    terminal.line(fmt::format("resume   {} at step {}, epoch {} of {}", start.found.checkpoint.string(),
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

} // namespace

std::uint64_t virtual_ranks_at_start(const comm::Communicator& world, const config::Config& config) {
    const auto ranks = static_cast<std::uint64_t>(world.size());
    const std::uint64_t asked = asked_virtual_ranks(config.training, ranks);
    if (asked < ranks)
        throw comm::AgreedError(
            fmt::format("training.virtual_ranks is {}, but there are {} ranks; give it at least their "
                        "number, or start fewer",
                        asked, ranks),
            Exit::wrong_input);
    return asked;
}

namespace {

/// Those of the run that goes on, unless it is asked for others or there are more ranks.
std::uint64_t virtual_ranks_of(const comm::Communicator& world, const config::Config& config, std::uint64_t before) {
    if (before == 0) return virtual_ranks_at_start(world, config);
    const auto ranks = static_cast<std::uint64_t>(world.size());
    const std::uint64_t now = std::max(config.training.virtual_ranks.value_or(before), ranks);
    if (now != before && config.training.exact)
        throw comm::AgreedError(
            fmt::format("the run has {} virtual ranks, and {} would change its last bits, which "
                        "training.exact forbids; start at most {} ranks, or set training.exact=false",
                        before, now, before),
            Exit::wrong_input);
    return now;
}

} // namespace

Start look(const comm::Communicator& world, const RunPaths& paths, const config::Config& config, bool fresh,
           report::Terminal& terminal) {
    Start start;
    int kind = 0;
    world.on_first([&] {
        if (fresh) {
            start.aside = fs::exists(paths.configuration());
            if (start.aside) return;
        }
        start.found = examine(paths, config);
        if (start.found.checkpoint.empty()) return;
        kind = finished(start.found.state, config.training) ? 2 : 1;
    });
    start.kind = static_cast<Start::Kind>(world.most(kind));
    if (start.kind != Start::Kind::finished) {
        const bool goes_on = start.kind == Start::Kind::resume;
        start.virtual_ranks_before = static_cast<std::uint64_t>(
            world.most(goes_on ? static_cast<std::int64_t>(start.found.state.virtual_ranks) : 0));
        start.virtual_ranks = virtual_ranks_of(world, config, start.virtual_ranks_before);
        return start;
    }
    const State& state = start.found.state;
    terminal.outcome(fmt::format("{}: finished, {} epochs{}; nothing to do (more: training.epochs={}, anew: --fresh)",
                                 paths.folder.string(), state.epoch,
                                 state.best_epoch > 0 ? fmt::format(", best validation ELBO {:.2f}", state.best) : "",
                                 state.epoch * 2));
    return start;
}

namespace {

/// Until the lock was taken, another elbo may have worked here.
void refuse_newer_checkpoint(const RunPaths& paths, const Start& start) {
    const std::vector<fs::path> now = list_checkpoints(paths);
    if (!start.aside && !now.empty() && now.back() != start.found.newest)
        reject("{}: another elbo has trained here just now (up to {}); start again to go on from there",
               paths.folder.string(), now.back().filename().string());
}

} // namespace

std::unique_ptr<storage::FolderLock> open_run(const comm::Communicator& world, const RunPaths& paths,
                                              const config::Config& config, const Start& start,
                                              const Trainer& trainer) {
    std::unique_ptr<storage::FolderLock> lock;
    world.on_first([&] {
        if (start.kind == Start::Kind::resume) refuse_other_data(start.found, trainer);
        if (start.aside) {
            const storage::FolderLock nobody_works_there(paths.folder);
            move_aside(paths.folder);
        }
        fs::create_directories(paths.folder);
        lock = std::make_unique<storage::FolderLock>(paths.folder);
        refuse_newer_checkpoint(paths, start);
        storage::write_whole(paths.configuration(), config.resolved);
        fs::create_directories(paths.checkpoints());
        fs::create_directories(paths.samples());
        for (const fs::path& folder : {paths.folder, paths.checkpoints(), paths.samples()})
            storage::remove_temporaries(folder);
    });
    return lock;
}

namespace {

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
    terminal.line("values   " + describe_taken(taken));
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
        terminal.line(fmt::format("products {} ({}), sums and values fp32", name_of(used), matmul_instruction_set()));
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
    terminal.line(fmt::format("network  {} nodes{}: {} bucket{} of {}, {}", trainer.nodes().count(), measured,
                              between->buckets, between->buckets == 1 ? "" : "s",
                              human_bytes(static_cast<double>(between->bucket_bytes)), comm::name_of(between->route)));
    if (between->precision != Precision::fp32)
        terminal.warning(fmt::format("communication.precision is {}: gradients are rounded where they leave a node, so "
                                     "the last bits depend on the number of nodes",
                                     name_of(between->precision)));
    monitor.event("network", fields);
}

} // namespace

void announce(const comm::Communicator& world, const config::Config& config, const Start& start, const Taken& taken,
              const Trainer& trainer, report::Terminal& terminal, Monitor& monitor) {
    terminal.line(fmt::format("elbo {}  {}, {} parameters", version, describe_model(config, trainer.model()),
                              with_commas(trainer.model().parameters().trainable())));
    terminal.line("loglik   " + describe_likelihood(config, trainer.train_data()) +
                  (config.data.binarize == "none" ? "" : fmt::format(", pixels binarised ({})", config.data.binarize)));
    terminal.line("train    " + describe_data(trainer.train_data()));
    if (trainer.validation_data()) terminal.line("validate " + describe_data(*trainer.validation_data()));
    if (!trainer.labels().empty()) terminal.line("labels   " + trainer.labels());
    const std::uint64_t batch = trainer.batch(), ranks = world.size(), rows = data::largest_shard(batch, ranks);
    terminal.line(fmt::format("batch {} = {}{} a rank x {}, {} steps an epoch", batch, batch % ranks ? "up to " : "",
                              rows, ranks, with_commas(trainer.steps_an_epoch())));
    if (trainer.virtual_ranks() != ranks)
        terminal.line(fmt::format("order    sums over {} virtual ranks", trainer.virtual_ranks()));
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

std::string describe_model(const config::Config& config, const model::Vae& model) {
    return fmt::format("VAE {}{}-{}{}-{}", model.dimensions(), widths_of(config.model.encoder), model.latent(),
                       widths_of(config.model.decoder), model.dimensions());
}

} // namespace elbo::training
