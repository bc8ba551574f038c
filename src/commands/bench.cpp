// `elbo bench`: what a configuration's training steps take, on made-up data, beside what this CPU could do at most.
#include "base/text.hpp"
#include "base/version.hpp"
#include "comm/cores.hpp"
#include "commands/allocations.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/overrides.hpp"
#include "numerics/convolution.hpp"
#include "numerics/matmul.hpp"
#include "numerics/peak.hpp"
#include "report/records.hpp"
#include "storage/files.hpp"
#include "training/announce.hpp"
#include "training/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace elbo::commands {
namespace {

constexpr std::uint64_t counted_steps = 8;

/// Everything that is reported; sums over ranks unless it says otherwise.
struct Figures {
    training::Measured measured;
    std::optional<training::Overlap> overlap; ///< where there are several nodes
    double gflops = 0, peak_gflops = 0;
    std::optional<double> peak_fp32{};          ///< where another precision is measured
    std::size_t bytes_sent = 0, bytes_read = 0; ///< of gradients, a step
    std::uint64_t messages = 0;                 ///< between nodes, a step, the most of any rank
    Allocations allocations;                    ///< the most of any rank, a step, rounded up
    std::uint64_t reorders = 0;                 ///< the most of any rank, a step
    std::size_t memory = 0;                     ///< bytes; what ranks share counts once
};

std::uint64_t sum_over(const comm::Communicator& world, std::uint64_t mine) {
    std::uint64_t sum = 0;
    for (const std::int64_t value : world.gather(static_cast<std::int64_t>(mine)))
        sum += static_cast<std::uint64_t>(value);
    return sum;
}

std::uint64_t most_of(const comm::Communicator& world, std::uint64_t mine) {
    return static_cast<std::uint64_t>(world.most(static_cast<std::int64_t>(mine)));
}

/// Allocations and reorders in a step, the most of any rank.
void count_in_steps(const comm::Communicator& world, training::Trainer& trainer, Figures& figures) {
    const std::uint64_t reorders = reorders_so_far();
    count_allocations();
    training::make_steps(trainer, counted_steps);
    const Allocations mine = counted_allocations();
    const auto a_step = [&](std::uint64_t count) {
        return most_of(world, (count + counted_steps - 1) / counted_steps);
    };
    figures.allocations = {a_step(mine.all), a_step(mine.own), a_step(mine.large), most_of(world, mine.largest)};
    figures.reorders = a_step(reorders_so_far() - reorders);
}

/// Bytes of this process, its share of what it has in common with others.
std::uint64_t resident_bytes() {
    const std::string text = storage::read_text("/proc/self/smaps_rollup");
    const std::size_t at = text.find("\nPss:");
    return at == std::string::npos ? 0 : std::stoull(text.substr(at + 5)) * 1024;
}

/// The part of a core that a thread has at best, where there are more threads than cores. Collective.
double core_share(const comm::Communicator& node, int threads) {
    const comm::Cores cores = comm::cores_of_node(node, threads);
    const double there = std::min<double>(cores.union_of_node, cores.quota.value_or(cores.union_of_node));
    return std::min(1.0, there / (cores.ranks * threads));
}

/// Of all ranks at once, each on its threads, as they are while they train; of bf16 that of its products or, where
/// these are slower, of multiply-adds of floats, into which it can be widened. What is measured is a thread's best
/// moment, so that ranks that take turns on a core count for one between them.
double peak_gflops(const comm::Nodes& nodes, Precision precision, std::size_t threads) {
    const comm::Communicator& world = nodes.world();
    const int count = static_cast<int>(threads);
    const double share = core_share(nodes.node(), count);
    world.barrier();
    double peak = measured_peak(count);
    if (precision == Precision::bf16) peak = std::max(peak, measured_peak_bf16(count).value_or(0));
    double sum = share * peak;
    world.sum(std::span(&sum, 1));
    return sum / 1e9;
}

Figures figures_of(const comm::Communicator& world, const config::Config& config, training::Trainer& trainer,
                   double seconds) {
    Figures figures;
    figures.measured = training::measure(world, trainer, seconds);
    figures.gflops = figures.measured.median() * trainer.model().flops_per_sample() / 1e9;
    figures.peak_gflops = peak_gflops(trainer.nodes(), trainer.precision(), config.training.threads);
    if (trainer.precision() != Precision::fp32)
        figures.peak_fp32 = peak_gflops(trainer.nodes(), Precision::fp32, config.training.threads);
    figures.bytes_sent = sum_over(world, trainer.exchange().bytes_sent());
    figures.bytes_read = sum_over(world, trainer.exchange().bytes_read());
    count_in_steps(world, trainer, figures);
    figures.memory = sum_over(world, resident_bytes());
    figures.messages = most_of(world, trainer.exchange().messages_sent());
    if (trainer.exchange().between()) figures.overlap = training::measure_overlap(world, trainer, seconds);
    return figures;
}

double milliseconds(double seconds, std::uint64_t steps) { return 1e3 * seconds / static_cast<double>(steps); }

void print_phases(const training::Measured& measured) {
    const training::Accounts mean = training::mean_of(measured.ranks);
    const bool several = measured.ranks.size() > 1;
    fmt::print("\n  {:<12}{:>10}{:>9}{}\n", "phase", "ms a step", "share %", several ? "    longest   shortest" : "");
    for (std::size_t i = 0; i < training::account_names.size(); ++i) {
        const training::Account account{static_cast<int>(i)};
        const auto seconds = [account](const training::RankAccounts& rank) { return rank.seconds[account]; };
        const auto [least, most] = std::ranges::minmax(measured.ranks, {}, seconds);
        if (seconds(most) == 0) continue;
        fmt::print("  {:<12}{:>10.3f}{:>9.1f}", training::account_names[i], milliseconds(mean[account], measured.steps),
                   100 * mean[account] / mean.all());
        if (several)
            fmt::print("{:>11.3f}{:>11.3f}", milliseconds(seconds(most), measured.steps),
                       milliseconds(seconds(least), measured.steps));
        fmt::print("\n");
    }
    if (!several) return;
    const auto print = [&](const char* which, const training::RankAccounts& rank) {
        fmt::print("  {}  {:.3f} ms of work a step: rank {} on {}\n", which,
                   milliseconds(rank.seconds.work(), measured.steps), rank.rank, rank.host);
    };
    print("slowest", training::slowest_of(measured.ranks));
    print("fastest", training::fastest_of(measured.ranks));
}

void print_header(const config::Config& config, const training::Trainer& trainer) {
    const std::uint64_t ranks = trainer.nodes().world().size(), batch = trainer.batch();
    const storage::DatasetInfo& data = trainer.train_data().info();
    fmt::print("elbo {}  {}, {} parameters\n", version, training::describe_model(config, trainer.model()),
               with_commas(trainer.model().parameters().trainable()));
    fmt::print("batch {} = {}{} a rank x {}, {}, {} thread{} a rank, {}\n", batch, batch % ranks ? "up to " : "",
               data::largest_shard(batch, ranks), ranks, name_of(trainer.precision()), config.training.threads,
               config.training.threads == 1 ? "" : "s", matmul_instruction_set());
    fmt::print("made-up data, {} samples of {} {}\n", with_commas(data.rows()), describe(data.sample_shape()),
               data.stored);
}

void print_overlap(const training::Trainer& trainer, const Figures& figures) {
    const comm::Exchange::Between& between = *trainer.exchange().between();
    const training::Overlap& overlap = *figures.overlap;
    fmt::print("  between      {} nodes: {}, {} bucket{} of {}, {}, {} messages\n", trainer.nodes().count(),
               comm::name_of(between.route), between.buckets, between.buckets == 1 ? "" : "s",
               human_bytes(static_cast<double>(between.bucket_bytes)), name_of(between.precision), figures.messages);
    if (between.network)
        fmt::print("               {:.3g} Gb/s out of a node, {:.3g} us, {:.3g} us a message\n",
                   between.network->bandwidth * 8e-9, between.network->latency * 1e6, between.network->gap * 1e6);
    fmt::print("               a step {:.2f} ms; {:.2f} without messages, they alone {:.2f}\n", 1e3 * overlap.together,
               1e3 * overlap.off, 1e3 * overlap.alone);
    if (const std::optional<double> overlapped = overlap.overlapped())
        fmt::print("               hidden {:.2f} of {:.2f} ms that can be: {:.0f} %\n", 1e3 * overlap.hidden(),
                   1e3 * overlap.can_be_hidden(), 100 * *overlapped);
}

void print(const config::Config& config, const training::Trainer& trainer, const Figures& figures) {
    const training::Measured& measured = figures.measured;
    const auto whole = [](double number) { return with_commas(static_cast<std::uint64_t>(std::llround(number))); };
    print_header(config, trainer);
    fmt::print("\n  samples/s   {}  ({} to {} in {} repeats of {} steps)\n", whole(measured.median()),
               whole(measured.rates.front()), whole(measured.rates.back()), measured.rates.size(),
               measured.steps / measured.rates.size());
    fmt::print("  GFLOP/s     {:.1f}, {:.1f} % of {:.1f} in plain multiply-adds, measured now\n", figures.gflops,
               100 * figures.gflops / figures.peak_gflops, figures.peak_gflops);
    // The two are measured one after the other, of which the second may have been disturbed.
    if (figures.peak_fp32 && figures.peak_gflops < 1.2 * *figures.peak_fp32)
        fmt::print("              bf16 has no higher peak here than fp32\n");
    print_phases(measured);
    fmt::print("\n  exchanged    {} a step read between ranks, {} sent to nodes\n",
               human_bytes(static_cast<double>(figures.bytes_read)),
               human_bytes(static_cast<double>(figures.bytes_sent)));
    if (figures.overlap) print_overlap(trainer, figures);
    fmt::print("  allocations  a step and rank: {} of elbo's own, {} of libraries, {} above 4 KiB\n",
               figures.allocations.own, figures.allocations.all - figures.allocations.own, figures.allocations.large);
    fmt::print("  reorders     {} a step and rank{}\n", figures.reorders,
               figures.reorders > 0 ? ", of convolutions' weights" : ": products take plain memory as it lies");
    fmt::print("  memory       {}, all ranks\n", human_bytes(static_cast<double>(figures.memory)));
}

void add_rank(report::Fields& fields, const std::string& name, const training::RankAccounts& rank,
              std::uint64_t steps) {
    fields.emplace_back(name + ".rank", static_cast<std::int64_t>(rank.rank));
    fields.emplace_back(name + ".host", rank.host);
    fields.emplace_back(name + ".work", rank.seconds.work() / static_cast<double>(steps));
}

std::int64_t count(std::uint64_t number) { return static_cast<std::int64_t>(number); }

/// What was measured.
report::Fields fields_of_run(const config::Config& config, const training::Trainer& trainer, const Figures& figures) {
    return {{"elbo", std::string(version)},
            {"model", training::describe_model(config, trainer.model())},
            {"parameters", count(trainer.model().parameters().trainable())},
            {"ranks", count(figures.measured.ranks.size())},
            {"nodes", count(trainer.nodes().count())},
            {"threads", count(config.training.threads)},
            {"batch", count(trainer.batch())},
            {"precision", std::string(name_of(trainer.precision()))},
            {"instruction_set", matmul_instruction_set()}};
}

report::Fields fields_of_time(const training::Trainer& trainer, const training::Measured& measured) {
    report::Fields fields = {{"samples_per_second", measured.median()},
                             {"samples_per_second_least", measured.rates.front()},
                             {"samples_per_second_most", measured.rates.back()},
                             {"repeats", count(measured.rates.size())},
                             {"steps", count(measured.steps)},
                             {"seconds_a_step", static_cast<double>(trainer.batch()) / measured.median()}};
    const training::Accounts mean = training::mean_of(measured.ranks);
    for (std::size_t i = 0; i < training::account_names.size(); ++i) {
        const training::Account account{static_cast<int>(i)};
        const bool of_steps = account >= training::Account::data && account <= training::Account::wait;
        if (of_steps || account == training::Account::other)
            fields.emplace_back(fmt::format("phases.{}", training::account_names[i]),
                                mean[account] / static_cast<double>(measured.steps));
    }
    add_rank(fields, "slowest", training::slowest_of(measured.ranks), measured.steps);
    add_rank(fields, "fastest", training::fastest_of(measured.ranks), measured.steps);
    return fields;
}

report::Fields fields_of_machine(const training::Trainer& trainer, const Figures& figures) {
    return {{"flops_per_sample", trainer.model().flops_per_sample()},
            {"gflops", figures.gflops},
            {"peak_gflops", figures.peak_gflops},
            {"share_of_peak", figures.gflops / figures.peak_gflops},
            {"bytes_exchanged", count(figures.bytes_sent + figures.bytes_read)},
            {"bytes_sent", count(figures.bytes_sent)},
            {"bytes_read", count(figures.bytes_read)},
            {"allocations", count(figures.allocations.all)},
            {"own_allocations", count(figures.allocations.own)},
            {"large_allocations", count(figures.allocations.large)},
            {"largest_allocation", count(figures.allocations.largest)},
            {"reorders", count(figures.reorders)},
            {"memory_bytes", count(figures.memory)}};
}

report::Fields fields_of_overlap(const training::Trainer& trainer, const Figures& figures) {
    const comm::Exchange::Between& between = *trainer.exchange().between();
    const training::Overlap& overlap = *figures.overlap;
    report::Fields fields = {{"exchange.route", std::string(comm::name_of(between.route))},
                             {"exchange.precision", std::string(name_of(between.precision))},
                             {"exchange.buckets", count(between.buckets)},
                             {"exchange.bucket_bytes", count(between.bucket_bytes)},
                             {"exchange.messages", count(figures.messages)},
                             {"exchange.off", overlap.off},
                             {"exchange.alone", overlap.alone},
                             {"exchange.together", overlap.together},
                             {"exchange.ideal", overlap.ideal}};
    if (const std::optional<double> overlapped = overlap.overlapped())
        fields.emplace_back("exchange.overlapped", *overlapped);
    if (between.network) {
        fields.emplace_back("exchange.bandwidth", between.network->bandwidth);
        fields.emplace_back("exchange.latency", between.network->latency);
        fields.emplace_back("exchange.gap", between.network->gap);
        fields.emplace_back("exchange.eager", static_cast<std::int64_t>(between.network->eager));
    }
    return fields;
}

report::Fields fields_of(const config::Config& config, const training::Trainer& trainer, const Figures& figures) {
    report::Fields fields = fields_of_run(config, trainer, figures);
    for (const report::Fields& more : {fields_of_time(trainer, figures.measured), fields_of_machine(trainer, figures)})
        fields.insert(fields.end(), more.begin(), more.end());
    if (!figures.overlap) return fields;
    const report::Fields more = fields_of_overlap(trainer, figures);
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

} // namespace

Exit bench(const BenchOptions& options) {
    const std::vector<std::string> overrides = overrides_of(options);
    return on_ranks([&](const comm::Communicator& world) {
        require_json(world, options);
        const config::Config config =
            training::for_measuring(read_configuration(world, options.configuration, overrides));
        const std::uint64_t virtual_ranks = training::virtual_ranks_at_start(world, config);
        const std::uint64_t batch = training::asked_batch(config.training, virtual_ranks);
        training::Trainer trainer(world, config, virtual_ranks,
                                  [batch](const comm::Nodes& nodes, const config::Config& settings) {
                                      return training::synthetic_inputs(nodes, settings, batch);
                                  });
        trainer.initialise();
        if (world.first() && trainer.precision() != config.training.precision)
            fmt::print(stderr,
                       "elbo: warning: training.precision is {}, but this is measured in {}: not every rank has it\n",
                       name_of(config.training.precision), name_of(trainer.precision()));
        const Figures figures = figures_of(world, config, trainer, options.seconds);
        world.on_first([&] {
            if (options.json != "-") print(config, trainer, figures);
            const std::string text = report::object_text(fields_of(config, trainer, figures));
            if (options.json == "-")
                fmt::print("{}", text);
            else if (!options.json.empty())
                storage::write_whole(options.json, text);
        });
        return Exit::done;
    });
}

} // namespace elbo::commands
