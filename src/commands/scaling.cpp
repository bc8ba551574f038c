// `elbo bench --scaling`: the constants of a step's cost, measured on the ranks that are there, and what follows for
// other numbers of nodes and other networks.
#include "base/text.hpp"
#include "base/version.hpp"
#include "commands/commands.hpp"
#include "commands/on_ranks.hpp"
#include "commands/overrides.hpp"
#include "numerics/matmul.hpp"
#include "numerics/sums.hpp"
#include "report/records.hpp"
#include "storage/files.hpp"
#include "training/scaling_costs.hpp"
#include "training/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace elbo::commands {
namespace {

constexpr double wanted = 0.9; ///< efficiency
constexpr std::size_t most_nodes = 4096, table_nodes = 1024;
constexpr double gigabit = 1e9 / 8;
/// Of a network that nobody measured: seconds, from so many Gb/s on the first.
constexpr double fast = 100, fast_latency = 2e-6, usual_latency = 20e-6, fast_gap = 0.5e-6, usual_gap = 3e-6;

template <class Number>
void require(bool good, const char* option, const char* expected, Number found) {
    if (!good) reject("{}: expected {}, found {}", option, expected, found);
}

void check(const ScalingOptions& options) {
    for (const std::int64_t nodes : options.nodes)
        require(nodes >= 1 && nodes <= static_cast<std::int64_t>(most_nodes), "--nodes", "numbers from 1 to 4096",
                nodes);
    const auto positive = [](const char* option, double number) {
        require(number > 0 && number <= 1e6, option, "a number above 0, at most 1000000", number);
    };
    for (const double bandwidth : options.bandwidths) positive("--bandwidth", bandwidth);
    if (options.latency) positive("--latency", *options.latency);
    if (options.cores) positive("--cores", *options.cores);
    if (options.memory) positive("--memory", *options.memory);
    if (options.ranks)
        require(*options.ranks >= 1 && *options.ranks <= 1024, "--ranks-per-node", "a number from 1 to 1024",
                *options.ranks);
}

/// A network, and where its figures come from.
struct Link {
    comm::Network network;
    bool measured_bandwidth = false, measured_latency = false, asked_latency = false;
};

std::vector<Link> links_of(const ScalingOptions& options, const std::optional<comm::Network>& measured) {
    std::vector<double> bandwidths;
    for (const double bandwidth : options.bandwidths) bandwidths.push_back(bandwidth * gigabit);
    if (bandwidths.empty() && measured) bandwidths = {measured->bandwidth};
    if (bandwidths.empty()) bandwidths = {25 * gigabit, 200 * gigabit};
    std::vector<Link> links;
    for (const double bandwidth : bandwidths) {
        const bool is_fast = bandwidth >= fast * gigabit;
        Link link{{is_fast ? fast_latency : usual_latency, is_fast ? fast_gap : usual_gap, bandwidth},
                  options.bandwidths.empty() && measured.has_value(),
                  measured.has_value(),
                  false};
        if (measured) link.network = {measured->latency, measured->gap, bandwidth, measured->eager};
        if (options.latency) {
            link.network.latency = *options.latency * 1e-6;
            link.asked_latency = true;
            link.measured_latency = false;
        }
        links.push_back(link);
    }
    return links;
}

/// What is to be predicted.
struct Question {
    training::MeasuredCosts measured;
    training::Cluster cluster; ///< without nodes and network
    std::vector<std::size_t> nodes;
    std::vector<Link> links;
};

Question question_of(const ScalingOptions& options, const config::Config& config,
                     const training::MeasuredCosts& measured) {
    Question question{measured, {}, {}, links_of(options, measured.network)};
    training::Cluster& cluster = question.cluster;
    cluster.ranks = options.ranks ? static_cast<std::size_t>(*options.ranks)
                                  : std::max(measured.node_ranks, measured.node_cores / config.training.threads);
    cluster.ranks = std::max<std::size_t>(1, cluster.ranks);
    const auto threads = static_cast<double>(cluster.ranks * config.training.threads);
    if (options.cores) cluster.core_share = std::min(1.0, *options.cores / threads);
    if (options.memory) cluster.memory = *options.memory * 1e9;
    cluster.messages = training::messages_of(config.communication);
    cluster.accumulate = config.training.accumulate;
    for (const std::int64_t nodes : options.nodes) question.nodes.push_back(static_cast<std::size_t>(nodes));
    for (std::size_t nodes = 1; options.nodes.empty() && nodes <= table_nodes; nodes *= 2)
        question.nodes.push_back(nodes);
    return question;
}

training::Cluster cluster_of(const Question& question, const Link& link, std::size_t nodes) {
    training::Cluster cluster = question.cluster;
    cluster.network = link.network;
    cluster.nodes = nodes;
    return cluster;
}

std::string whole(double number) { return with_commas(static_cast<std::uint64_t>(std::llround(number))); }

void print_costs(const training::MeasuredCosts& measured, const config::Config& config) {
    const training::StepCosts& costs = measured.costs;
    fmt::print("elbo {}  {}, {} parameters\n", version, measured.model, with_commas(costs.elements));
    fmt::print("measured on {} rank{} of {} node{}, {:.0f} and {:.0f} rows a rank, {}\n", measured.ranks,
               measured.ranks == 1 ? "" : "s", measured.nodes, measured.nodes == 1 ? "" : "s", measured.rows,
               measured.fewer_rows, name_of(measured.precision));
    fmt::print("{} thread{} a rank, {}\n", config.training.threads, config.training.threads == 1 ? "" : "s",
               matmul_instruction_set());
    if (measured.crowded) fmt::print("the ranks shared cores: what is computed takes longer than on their own\n");
    if (measured.ranks == 1) fmt::print("one rank alone: what ranks of a node take from each other is not in it\n");
    fmt::print("\n  {:<12}{:>12}{:>14}\n", "cost", "us a pass", "us a row");
    const auto print = [](const char* name, const training::Line& line) {
        fmt::print("  {:<12}{:>12.2f}{:>14.4f}\n", name, 1e6 * line.fixed, 1e6 * line.a_row);
    };
    print("data", costs.data);
    print("forward", costs.forward);
    print("backward", costs.backward);
    fmt::print("  {:<12}{:>12.2f}   a step, whatever the rows\n", "other", 1e6 * costs.fixed);
    if (measured.node_ranks > 1)
        fmt::print("  {:<12}{:>12.2f}   a step, for ranks of the node\n", "waiting", 1e6 * costs.wait);
    fmt::print("  {:<12}{:>12.4f}   ns an element that a rank owns\n", "update", 1e9 * costs.update);
    fmt::print("  {:<12}{:>12.4f}   ns a byte of gradients\n", "sums", 1e9 * costs.sum);
    if (measured.network) {
        fmt::print("  {:<12}{:>12.4f}   ns of a core a byte, {:.2f} us a message\n", "messages", 1e9 * costs.byte,
                   1e6 * costs.message);
        if (costs.window)
            fmt::print("  {:<12}{:>12}   leave a node between two looks at MPI\n", "", human_bytes(*costs.window));
    } else {
        fmt::print("  {:<12}{:>12}   assumed: network hardware moves the data\n", "messages", "0");
    }
}

void print_link(const Link& link) {
    const auto source = [](bool measured, bool asked) { return measured ? "measured" : asked ? "given" : "assumed"; };
    fmt::print("\n{:.4g} Gb/s a node ({}), latency {:.3g} us ({}), {:.2g} us a message ({})\n",
               link.network.bandwidth / gigabit, link.measured_bandwidth ? "measured" : "given",
               1e6 * link.network.latency, source(link.measured_latency, link.asked_latency), 1e6 * link.network.gap,
               source(link.measured_latency || (link.asked_latency && link.measured_bandwidth), false));
}

void print_table(const Question& question, const Link& link) {
    fmt::print("  {:>5}{:>9}{:>8}{:>8}{:>8}{:>9}{:>8}{:>9}{:>6}{:>7}\n", "", "", "", "", "of MPI", "exchange", "not",
               "", "eff.", "fixed");
    fmt::print("  {:>5}{:>9}{:>8}{:>8}{:>8}{:>9}{:>8}{:>9}{:>6}{:>7}\n", "nodes", "compute", "sums", "update", "cores",
               "alone", "hidden", "a step", "%", "batch");
    const double rows = question.measured.rows;
    for (const std::size_t nodes : question.nodes) {
        const training::Cluster cluster = cluster_of(question, link, nodes);
        const training::Prediction found = training::predict(question.measured.costs, cluster, rows);
        const double strong = training::strong_efficiency(question.measured.costs, cluster, rows);
        fmt::print("  {:>5}{:>9.3f}{:>8.3f}{:>8.3f}{:>8.3f}{:>9.3f}{:>8.3f}{:>9.3f}{:>6.1f}", nodes,
                   1e3 * found.compute, 1e3 * found.sums, 1e3 * found.update, 1e3 * found.driving, 1e3 * found.exchange,
                   1e3 * (found.left + found.memory), 1e3 * found.seconds, 100 * found.efficiency);
        fmt::print("{:>7}\n", rows >= static_cast<double>(nodes) ? fmt::format("{:.1f}", 100 * strong) : "-");
    }
}

std::string at_nodes(const std::optional<std::size_t>& nodes) {
    if (!nodes) return fmt::format("not up to {} nodes", with_commas(most_nodes));
    return *nodes == 1 ? "on one node already" : fmt::format("at {} nodes", with_commas(*nodes));
}

/// The last table row's choices, the point where too much is lost, and what moves it.
void print_conclusions(const Question& question, const Link& link) {
    const double rows = question.measured.rows;
    const training::StepCosts& costs = question.measured.costs;
    const training::Cluster cluster = cluster_of(question, link, question.nodes.back());
    const training::Prediction last = training::predict(costs, cluster, rows);
    if (cluster.nodes > 1)
        fmt::print("  on {} nodes: {} samples a step, {} a second\n  exchange between them: {}, {} bucket{} of {}\n",
                   cluster.nodes, whole(last.samples), whole(last.samples_per_second()), name_of(last.chosen.route),
                   last.buckets, last.buckets == 1 ? "" : "s",
                   human_bytes(static_cast<double>(last.chosen.bucket_blocks * sum_block * sizeof(float))));
    const std::optional<std::size_t> point = training::falls_below(costs, cluster, rows, wanted, most_nodes);
    fmt::print("  efficiency falls below {:.0f} %: {}\n", 100 * wanted, at_nodes(point));
    if (!point) return;
    std::vector<training::Remedy> remedies = training::remedies(costs, cluster, rows, wanted, most_nodes);
    std::ranges::stable_sort(remedies, std::ranges::greater(),
                             [](const training::Remedy& remedy) { return remedy.nodes.value_or(2 * most_nodes); });
    for (const training::Remedy& remedy : remedies)
        fmt::print("    {:<52}{}\n", remedy.words, remedy.nodes == point ? "as before" : at_nodes(remedy.nodes));
}

void print(const Question& question, const config::Config& config) {
    print_costs(question.measured, config);
    const training::Cluster& cluster = question.cluster;
    fmt::print("\n{} rank{} a node, {:.0f} rows a rank; milliseconds a step\n", cluster.ranks,
               cluster.ranks == 1 ? "" : "s", question.measured.rows);
    for (const Link& link : question.links) {
        print_link(link);
        print_table(question, link);
        print_conclusions(question, link);
    }
}

std::int64_t count(std::size_t number) { return static_cast<std::int64_t>(number); }

report::Fields fields_of_costs(const training::MeasuredCosts& measured) {
    const training::StepCosts& costs = measured.costs;
    report::Fields fields = {{"elbo", std::string(version)},
                             {"model", measured.model},
                             {"parameters", count(costs.elements)},
                             {"precision", std::string(name_of(measured.precision))},
                             {"instruction_set", matmul_instruction_set()},
                             {"ranks", count(measured.ranks)},
                             {"nodes", count(measured.nodes)},
                             {"rows", measured.rows},
                             {"fewer_rows", measured.fewer_rows},
                             {"seconds_a_step", measured.seconds}};
    const auto add = [&](const std::string& name, const training::Line& line) {
        fields.emplace_back("costs." + name + ".fixed", line.fixed);
        fields.emplace_back("costs." + name + ".a_row", line.a_row);
    };
    add("data", costs.data);
    add("forward", costs.forward);
    add("backward", costs.backward);
    for (const auto& [name, cost] : {std::pair("other", costs.fixed),
                                     {"wait", costs.wait},
                                     {"update", costs.update},
                                     {"sums", costs.sum},
                                     {"message", costs.message},
                                     {"byte", costs.byte}})
        fields.emplace_back(std::string("costs.") + name, cost);
    if (costs.window) fields.emplace_back("costs.window", *costs.window);
    if (measured.network) {
        fields.emplace_back("network.bandwidth", measured.network->bandwidth);
        fields.emplace_back("network.latency", measured.network->latency);
        fields.emplace_back("network.gap", measured.network->gap);
        fields.emplace_back("network.eager", static_cast<std::int64_t>(measured.network->eager));
    }
    return fields;
}

void add_predictions(const Question& question, const Link& link, report::Fields& fields) {
    const double rows = question.measured.rows;
    const training::StepCosts& costs = question.measured.costs;
    const std::string place = fmt::format("predictions.{:.0f}.", link.network.bandwidth / gigabit * 1000);
    for (const std::size_t nodes : question.nodes) {
        const training::Prediction found = training::predict(costs, cluster_of(question, link, nodes), rows);
        for (const auto& [name, figure] : {std::pair("compute", found.compute),
                                           {"sums", found.sums},
                                           {"update", found.update},
                                           {"driving", found.driving},
                                           {"exchange", found.exchange},
                                           {"left", found.left},
                                           {"memory", found.memory},
                                           {"seconds_a_step", found.seconds},
                                           {"samples_per_second", found.samples_per_second()},
                                           {"efficiency", found.efficiency}})
            fields.emplace_back(fmt::format("{}{}.{}", place, nodes, name), figure);
        if (nodes == 1) continue;
        fields.emplace_back(fmt::format("{}{}.route", place, nodes), std::string(name_of(found.chosen.route)));
        fields.emplace_back(fmt::format("{}{}.buckets", place, nodes), count(found.buckets));
    }
    const auto point = training::falls_below(costs, cluster_of(question, link, 1), rows, wanted, most_nodes);
    if (point) fields.emplace_back(place + "below_90", count(*point));
}

} // namespace

Exit scaling(const ScalingOptions& options) {
    check(options);
    const std::vector<std::string> overrides = overrides_of(options.bench);
    return on_ranks([&](const comm::Communicator& world) {
        require_json(world, options.bench);
        const config::Config config = read_configuration(world, options.bench.configuration, overrides);
        const training::MeasuredCosts measured = training::measure_costs(world, config, options.bench.seconds);
        world.on_first([&] {
            const Question question = question_of(options, config, measured);
            if (options.bench.json != "-") print(question, config);
            if (options.bench.json.empty()) return;
            report::Fields fields = fields_of_costs(measured);
            fields.emplace_back("ranks_per_node", count(question.cluster.ranks));
            fields.emplace_back("core_share", question.cluster.core_share);
            for (const Link& link : question.links) add_predictions(question, link, fields);
            const std::string text = report::object_text(fields);
            if (options.bench.json == "-")
                fmt::print("{}", text);
            else
                storage::write_whole(options.bench.json, text);
        });
        return Exit::done;
    });
}

} // namespace elbo::commands
