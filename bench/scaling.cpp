// Samples a second of training steps on several ranks against one, in one run: what the exchange costs.
//   mpirun -n 2 build/bench_scaling [--network mlp|iwae|wide] [--way NAME ...] [--batch N] [--json] ...
// Seven ways, in turn, so that a machine's drift meets all: one rank alone; every rank a training of its own, side by
// side; all ranks with one replica a node; each rank its own node; and replicated parameters, gradients summed by
// MPI_Allreduce after the backward pass and every rank updating everything: whole, without the sum, the sum alone.
#include "comm/exchange.hpp"
#include "model/vae.hpp"
#include "networks.hpp"
#include "optimizers/optimizer.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace elbo;
using Clock = std::chrono::steady_clock;

struct Options {
    std::vector<std::string> networks = {"mlp", "iwae", "wide"};
    std::vector<std::string> ways; ///< empty: all
    std::size_t rows = 128;        ///< a rank
    int rounds = 9;
    double seconds_a_round = 1.0;
    bool json = false;

    bool wants(const std::string& way) const { return ways.empty() || std::ranges::find(ways, way) != ways.end(); }
};

/// One way of training; step() is collective over the ranks that take part.
class Way {
public:
    Way(std::string name, const comm::Communicator& world, int busy)
        : busy_ranks(busy), name_(std::move(name)), world_(world) {}
    virtual ~Way() = default;
    virtual void step() = 0;

    const std::string& name() const { return name_; }
    const comm::Communicator& world() const { return world_; }
    const int busy_ranks;      ///< that compute while this way is measured
    std::vector<double> rates; ///< samples a second of all ranks, one a round

private:
    std::string name_;
    const comm::Communicator& world_;
};

class Exchanged : public Way {
public:
    Exchanged(const std::string& name, const comm::Communicator& world, int busy, bool shared, std::size_t rows,
              const bench::Network& network, model::Vae& vae)
        : Way(name, world, busy),
          vae_(vae),
          rows_(rows),
          batches_(rows, network.dimensions),
          nodes_(world, shared),
          exchange_(nodes_, vae.parameters().size(), static_cast<std::size_t>(world.size())) {
        exchange_.write_values([&](std::span<float> values) {
            vae_.initialise(1, std::vector<double>(network.dimensions, 0.13), values);
        });
        adam_ = optimizers::optimizer_kind("adam").make(bench::adam_settings(), exchange_.owned_elements());
    }

    void step() override {
        const auto evaluate = [&](std::size_t, std::span<float> gradients, const comm::FinalFrom& final_from) {
            vae_.gradient(exchange_.values(), batches_.at(step_), {1, Purpose::posterior, 0}, 1,
                          1.0 / static_cast<double>(rows_), gradients, final_from);
        };
        const auto update = [&](comm::Slice slice, std::size_t own) {
            return adam_->update({slice.begin, slice.end, own}, exchange_.values(), exchange_.gradients(),
                                 {1e-3, step_ + 1, 1});
        };
        exchange_.step(evaluate, update);
        ++step_;
    }

private:
    model::Vae& vae_;
    std::size_t rows_;
    bench::Batches batches_;
    comm::Nodes nodes_;
    comm::Exchange exchange_;
    std::unique_ptr<optimizers::Optimizer> adam_;
    std::uint64_t step_ = 0;
};

class Replicated : public Way {
public:
    enum class Part { whole, without_sum, sum_alone };

    Replicated(const std::string& name, Part part, const comm::Communicator& world, std::size_t rows,
               const bench::Network& network, model::Vae& vae)
        : Way(name, world, world.size()),
          part_(part),
          vae_(vae),
          rows_(rows),
          batches_(rows, network.dimensions),
          values_(vae.parameters().size()),
          gradients_(values_.span().size()),
          adam_(optimizers::optimizer_kind("adam").make(bench::adam_settings(), values_.span().size())) {
        vae.initialise(1, std::vector<double>(network.dimensions, 0.13), values_.span());
    }

    void step() override {
        if (part_ != Part::sum_alone)
            vae_.gradient(values_.span(), batches_.at(step_), {1, Purpose::posterior, 0}, 1,
                          1.0 / static_cast<double>(rows_), gradients_.span());
        if (part_ != Part::without_sum) world().sum(gradients_.span());
        if (part_ != Part::sum_alone)
            adam_->update({0, values_.span().size(), 0}, values_.span(), gradients_.span(), {1e-3, ++step_, 1});
    }

private:
    Part part_;
    model::Vae& vae_;
    std::size_t rows_;
    bench::Batches batches_;
    AlignedFloats values_, gradients_;
    std::unique_ptr<optimizers::Optimizer> adam_;
    std::uint64_t step_ = 0;
};

double seconds_of(Way& way, int steps) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < steps; ++i) way.step();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Ranks that take no part sleep: one that waits in MPI would keep its core busy.
void measure_round(const comm::Communicator& world, Way& way, int steps, const Options& options) {
    const bool all = way.busy_ranks == world.size();
    world.barrier();
    if (all || world.first()) {
        const double seconds = seconds_of(way, steps);
        way.rates.push_back(static_cast<double>(options.rows) * steps * way.busy_ranks / seconds);
    } else {
        std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds_a_round));
    }
    world.barrier();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

std::vector<std::unique_ptr<Way>> make_ways(const comm::Communicator& world, const comm::Communicator& alone,
                                            const bench::Network& network, model::Vae& vae, const Options& options) {
    std::vector<std::unique_ptr<Way>> ways;
    const int all = world.size();
    const auto exchanged = [&](const char* name, const comm::Communicator& ranks, int busy, bool shared) {
        if (options.wants(name))
            ways.push_back(std::make_unique<Exchanged>(name, ranks, busy, shared, options.rows, network, vae));
    };
    const auto replicated = [&](const char* name, Replicated::Part part) {
        if (options.wants(name))
            ways.push_back(std::make_unique<Replicated>(name, part, world, options.rows, network, vae));
    };
    exchanged("one rank", alone, 1, true);
    exchanged("side by side, no exchange", alone, all, true);
    exchanged("one replica a node", world, all, true);
    exchanged("each rank a node", world, all, false);
    replicated("replicated, MPI_Allreduce", Replicated::Part::whole);
    replicated("replicated, no exchange", Replicated::Part::without_sum);
    replicated("MPI_Allreduce alone", Replicated::Part::sum_alone);
    return ways;
}

void print_text(const bench::Network& network, const std::vector<std::unique_ptr<Way>>& ways, int ranks,
                std::size_t rows) {
    fmt::print("{}, batch {} a rank, {} ranks\n", network.name, rows, ranks);
    for (const auto& way : ways) {
        fmt::print("  {:<28} {:>8.0f} samples/s", way->name(), median(way->rates));
        if (ways.front()->busy_ranks == 1) {
            std::vector<double> ratios;
            for (std::size_t i = 0; i < way->rates.size(); ++i)
                ratios.push_back(way->rates[i] / ways.front()->rates[i]);
            fmt::print("  {:>5.2f} times one rank", median(ratios));
        }
        fmt::print("\n");
    }
}

/// Seconds a step by way, on a line.
void print_json(const std::vector<std::unique_ptr<Way>>& ways, std::size_t rows) {
    nlohmann::ordered_json seconds;
    for (const auto& way : ways)
        seconds[way->name()] = static_cast<double>(rows) * way->busy_ranks / median(way->rates);
    fmt::print("{}\n", seconds.dump());
}

void measure(const comm::Communicator& world, const comm::Communicator& alone, const bench::Network& network,
             const Options& options) {
    model::Vae vae(bench::model_settings(network), {network.dimensions}, options.rows);
    vae.allocate();
    const std::vector<std::unique_ptr<Way>> ways = make_ways(world, alone, network, vae, options);
    std::vector<int> steps;
    for (const auto& way : ways) {
        constexpr int first = 3;
        const double a_step = way->busy_ranks == 1 && !world.first() ? 0 : seconds_of(*way, first) / first;
        const double slowest = static_cast<double>(world.most(static_cast<std::int64_t>(1e9 * a_step))) / 1e9;
        steps.push_back(std::max(3, static_cast<int>(options.seconds_a_round / slowest)));
    }
    for (int round = 0; round < options.rounds; ++round)
        for (std::size_t i = 0; i < ways.size(); ++i) measure_round(world, *ways[i], steps[i], options);
    if (!world.first()) return;
    if (options.json)
        print_json(ways, options.rows);
    else
        print_text(network, ways, world.size(), options.rows);
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Training steps on several ranks against one.");
    app.add_option("--network", options.networks, "of these (all)")->check(CLI::IsMember({"mlp", "iwae", "wide"}));
    app.add_option("--way", options.ways, "names of ways as they are printed (all)");
    app.add_option("--batch", options.rows, "samples a rank (128)");
    app.add_option("--rounds", options.rounds, "of all ways, in turn (9)");
    app.add_option("--seconds", options.seconds_a_round, "of a way in a round (1)");
    app.add_flag("--json", options.json, "seconds a step by way, a line a network");
    CLI11_PARSE(app, argc, argv);

    const comm::Session session;
    const comm::Communicator alone = session.world().node(false);
    for (const std::string& name : options.networks) {
        const bench::Network& network = name == "mlp" ? bench::mlp : name == "iwae" ? bench::iwae : bench::wide;
        measure(session.world(), alone, network, options);
    }
    return 0;
}
