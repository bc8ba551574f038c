// Samples a second of training steps on several ranks against one, in one run: what the exchange costs.
//   mpirun -n 2 build/bench_scaling
// Five ways, in turn, so that a machine's drift meets all: one rank alone; every rank a training of its own, side by
// side; all ranks with one replica a node; each rank its own node; and replicated parameters, gradients summed by
// MPI_Allreduce and every rank updating everything.
#include "comm/exchange.hpp"
#include "model/vae.hpp"
#include "networks.hpp"
#include "optimizers/optimizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace elbo;
using Clock = std::chrono::steady_clock;

constexpr std::size_t rows = 128; ///< a rank
constexpr int rounds = 9;
constexpr double seconds_a_round = 1.0;

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
    Exchanged(const std::string& name, const comm::Communicator& world, int busy, bool shared,
              const bench::Network& network, model::Vae& vae)
        : Way(name, world, busy),
          vae_(vae),
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
            vae_.gradient(exchange_.values(), batches_.at(step_), {1, Purpose::posterior, 0}, 1, 1.0 / rows, gradients,
                          final_from);
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
    bench::Batches batches_;
    comm::Nodes nodes_;
    comm::Exchange exchange_;
    std::unique_ptr<optimizers::Optimizer> adam_;
    std::uint64_t step_ = 0;
};

class Replicated : public Way {
public:
    Replicated(const comm::Communicator& world, const bench::Network& network, model::Vae& vae)
        : Way("replicated, MPI_Allreduce", world, world.size()),
          vae_(vae),
          batches_(rows, network.dimensions),
          values_(vae.parameters().size()),
          gradients_(values_.span().size()),
          adam_(optimizers::optimizer_kind("adam").make(bench::adam_settings(), values_.span().size())) {
        vae.initialise(1, std::vector<double>(network.dimensions, 0.13), values_.span());
    }

    void step() override {
        vae_.gradient(values_.span(), batches_.at(step_), {1, Purpose::posterior, 0}, 1, 1.0 / rows, gradients_.span());
        world().sum(gradients_.span());
        adam_->update({0, values_.span().size(), 0}, values_.span(), gradients_.span(), {1e-3, ++step_, 1});
    }

private:
    model::Vae& vae_;
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
void measure_round(const comm::Communicator& world, Way& way, int steps) {
    const bool all = way.busy_ranks == world.size();
    world.barrier();
    if (all || world.first()) {
        const double seconds = seconds_of(way, steps);
        way.rates.push_back(steps * rows * static_cast<double>(way.busy_ranks) / seconds);
    } else {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds_a_round));
    }
    world.barrier();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void measure(const comm::Communicator& world, const comm::Communicator& alone, const bench::Network& network) {
    model::Vae vae(bench::model_settings(network), {network.dimensions}, rows);
    vae.allocate();
    std::vector<std::unique_ptr<Way>> ways;
    const int all = world.size();
    ways.push_back(std::make_unique<Exchanged>("one rank", alone, 1, true, network, vae));
    ways.push_back(std::make_unique<Exchanged>("side by side, no exchange", alone, all, true, network, vae));
    ways.push_back(std::make_unique<Exchanged>("one replica a node", world, all, true, network, vae));
    ways.push_back(std::make_unique<Exchanged>("each rank a node", world, all, false, network, vae));
    ways.push_back(std::make_unique<Replicated>(world, network, vae));

    const double a_step = seconds_of(*ways[2], 20) / 20;
    const int steps =
        static_cast<int>(world.most(std::max<std::int64_t>(3, static_cast<std::int64_t>(seconds_a_round / a_step))));
    for (int round = 0; round < rounds; ++round)
        for (const auto& way : ways) measure_round(world, *way, steps);
    if (!world.first()) return;
    fmt::print("{}, batch {} a rank, {} ranks\n", network.name, rows, world.size());
    for (const auto& way : ways) {
        std::vector<double> ratios;
        for (std::size_t i = 0; i < way->rates.size(); ++i) ratios.push_back(way->rates[i] / ways[0]->rates[i]);
        fmt::print("  {:<28} {:>8.0f} samples/s  {:>5.2f} times one rank\n", way->name(), median(way->rates),
                   median(ratios));
    }
}

} // namespace

int main() {
    const comm::Session session;
    const comm::Communicator alone = session.world().node(false);
    for (const bench::Network* network : {&bench::mlp, &bench::iwae, &bench::wide})
        measure(session.world(), alone, *network);
    return 0;
}
