#include "training/data_start.hpp"

#include "base/text.hpp"
#include "data/blocks.hpp"
#include "storage/layout.hpp"
#include "training/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace elbo::training {
namespace {

std::string human(std::size_t bytes) { return human_bytes(static_cast<double>(bytes)); }

} // namespace

config::Config settled(const comm::Communicator& world, const config::Config& config, const Found& found) {
    if (!config.data.windowed) return config;
    std::int64_t block = 0, window = 0;
    world.on_first([&] {
        const config::Data& asked = config.data;
        data::Blocks blocks{asked.block.value_or(found.block.value_or(0)),
                            asked.window.value_or(found.window.value_or(0))};
        if (blocks.block == 0 || blocks.window == 0)
            blocks =
                data::blocks_for(train_header(asked), blocks.block > 0 ? std::optional(blocks.block) : std::nullopt,
                                 blocks.window > 0 ? std::optional(blocks.window) : std::nullopt);
        block = static_cast<std::int64_t>(blocks.block);
        window = static_cast<std::int64_t>(blocks.window);
    });
    return config::parse(
        {"configuration", config.resolved},
        {fmt::format("data.block={}", world.most(block)), fmt::format("data.window={}", world.most(window))}, schema());
}

ReadingProgress shown_on(report::Terminal& terminal) {
    const auto began = std::chrono::steady_clock::now();
    return [&terminal, began](const std::string& name, std::uint64_t done, std::uint64_t of) {
        if (!terminal.wants_live() || done == 0) return;
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - began;
        const double rate = static_cast<double>(done) / std::max(taken.count(), 1e-9);
        terminal.live({"reading " + name, static_cast<double>(done) / static_cast<double>(of), "rows", rate,
                       static_cast<double>(of - done) / rate});
    };
}

namespace {

/// A full order on data that stays in its file.
std::string cost_of_single_rows(const storage::DatasetInfo& info, const DataPlan& plan) {
    std::string cost = "rows are read one by one";
    if (const std::size_t around = data::bytes_around_a_row(info); around > info.row_bytes())
        cost += fmt::format(", each by unpacking the chunk of {} that it is in, {:.0f} times the data an epoch",
                            human(around), static_cast<double>(around) / static_cast<double>(info.row_bytes()));
    return fmt::format(
        "data.order is full, and {}:{} has more than data.memory ({}): {}; give it {}, or, for a new run, "
        "set data.order=windowed, which reads the file once an epoch",
        info.file, info.name, human(plan.memory), cost, human(info.rows() * info.row_bytes()));
}

void announce_order(const data::Turns& turns, const Trainer& trainer, report::Terminal& terminal) {
    terminal.field("order", fmt::format("windows of {} samples, blocks of {}", with_commas(turns.window),
                                        with_commas(turns.block)));
    const State& state = trainer.state();
    if (state.position > 0 && (state.order_batch != turns.batch || state.order_pieces != turns.shards))
        terminal.field("order", fmt::format("epoch {} goes on as it was begun, with a batch of {} for {} virtual ranks",
                                            state.epoch + 1, state.order_batch, state.order_pieces));
}

void warn_of_layout(const storage::DatasetInfo& info, report::Terminal& terminal) {
    const storage::LayoutVerdict verdict = storage::judge_layout(info);
    if (verdict.costly)
        terminal.warning(fmt::format("{}:{}: {}; `{}` stores it in chunks of about 1 MiB", info.file, info.name,
                                     verdict.meaning, verdict.advice));
}

} // namespace

void announce_data(const config::Config& config, const Trainer& trainer, report::Terminal& terminal, Monitor& monitor) {
    const DataPlan& plan = trainer.data_plan();
    const data::Dataset& train = trainer.train_data();
    const data::Turns turns = trainer.turns();
    const std::size_t size = train.size() * train.row_bytes();
    if (turns.block > 0) announce_order(turns, trainer, terminal);
    const std::string room = fmt::format("{} of {} a node (data.memory)",
                                         human(train.in_memory() ? plan.bytes() : plan.train), human(plan.memory));
    if (train.in_memory())
        terminal.detail(fmt::format("data     in memory, {}", room));
    else
        terminal.field("data", fmt::format("{} read ahead: {}", human(size), room));
    if (trainer.validation_data() && !trainer.validation_data()->in_memory())
        terminal.field("data", "validation samples are read as they are needed");
    if (!train.in_memory() && !config.data.windowed) terminal.warning(cost_of_single_rows(train.info(), plan));
    for (const data::Dataset* dataset : {&train, trainer.validation_data()})
        if (dataset) warn_of_layout(dataset->info(), terminal);
    if (train.in_memory() && turns.block == 0) return;
    monitor.event("data", {{"in_memory", train.in_memory()},
                           {"bytes", static_cast<std::int64_t>(size)},
                           {"node_bytes", static_cast<std::int64_t>(plan.bytes())},
                           {"memory", static_cast<std::int64_t>(plan.memory)},
                           {"block", static_cast<std::int64_t>(turns.block)},
                           {"window", static_cast<std::int64_t>(turns.window)}});
}

void account_for_reading(const comm::Communicator& world, const Trainer& trainer, std::uint64_t samples,
                         report::Terminal& terminal, Monitor& monitor) {
    if (trainer.train_data().in_memory() || samples == 0) return;
    double sums[] = {static_cast<double>(trainer.bytes_read()), trainer.batches().waited()};
    world.sum(std::span(sums));
    if (!world.first()) return;
    const double needed = static_cast<double>(samples) * static_cast<double>(trainer.train_data().row_bytes());
    const double waited = sums[1] / world.size();
    terminal.line(fmt::format("rows read: {}, {:.3f} times what {} samples have; waited {} a rank",
                              human_bytes(sums[0]), sums[0] / needed, with_commas(samples), human_duration(waited)));
    monitor.event("reading", {{"bytes", static_cast<std::int64_t>(sums[0])},
                              {"samples", static_cast<std::int64_t>(samples)},
                              {"times", sums[0] / needed},
                              {"waited", waited}});
}

} // namespace elbo::training
