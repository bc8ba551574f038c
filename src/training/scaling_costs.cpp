#include "training/scaling_costs.hpp"

#include "comm/cores.hpp"
#include "comm/window.hpp"
#include "numerics/memory.hpp"
#include "numerics/sums.hpp"
#include "training/announce.hpp"
#include "training/measure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>

namespace elbo::training {
namespace {

constexpr int rounds = 9, passes = 9;
constexpr std::uint64_t first_steps = 3, fewer = 4;

double mean_over(const comm::Communicator& world, double mine) {
    world.sum(std::span(&mine, 1));
    return mine / world.size();
}

/// What each round of steps took a step, mean over ranks.
struct Rounds {
    std::vector<double> seconds;
    std::array<std::vector<double>, account_names.size()> accounts;

    double median(Account account) const { return median_of(accounts[static_cast<std::size_t>(account)]); }
    double median_work() const {
        double sum = 0;
        for (int i = static_cast<int>(Account::data); i < static_cast<int>(Account::wait); ++i)
            sum += median(Account{i});
        return sum;
    }
};

/// Steps on so many rows a virtual rank, without messages between nodes and with them.
class Way {
public:
    Way(const comm::Communicator& world, const config::Config& config, std::uint64_t virtual_ranks, std::uint64_t rows)
        : world_(world), config_(config) {
        config_.training.batch = rows * virtual_ranks;
        config_.training.batch_per_rank.reset();
        trainer_ = std::make_unique<Trainer>(world, config_, virtual_ranks,
                                             [this](const comm::Nodes& nodes, const config::Config& settings) {
                                                 return synthetic_inputs(nodes, settings, *config_.training.batch);
                                             });
        trainer_->initialise();
        make_steps(*trainer_, first_steps);
    }

    Trainer& trainer() { return *trainer_; }
    const Rounds& alone() const { return alone_; }
    const Rounds& together() const { return together_; }

    /// Rounds take about so long. Collective.
    void measure_round(double seconds, bool messages) {
        trainer_->exchange().leave_out_messages(!messages);
        Rounds& rounds_so_far = messages ? together_ : alone_;
        std::uint64_t& steps = messages ? together_steps_ : alone_steps_;
        if (steps == 0) {
            constexpr std::uint64_t tried = 3;
            steps = static_cast<std::uint64_t>(std::max(1.0, std::round(seconds * tried / seconds_of(tried))));
        }
        const Accounts before(trainer_->clock().times());
        const double taken = seconds_of(steps);
        const Accounts mean = mean_of(gather_accounts(world_, Accounts(trainer_->clock().times()) - before));
        rounds_so_far.seconds.push_back(taken / static_cast<double>(steps));
        for (std::size_t i = 0; i < account_names.size(); ++i)
            rounds_so_far.accounts[i].push_back(mean[Account{static_cast<int>(i)}] / static_cast<double>(steps));
    }

private:
    double seconds_of(std::uint64_t steps) {
        world_.barrier();
        const std::int64_t start = comm::PhaseClock::nanoseconds();
        make_steps(*trainer_, steps);
        return 1e-9 * static_cast<double>(world_.most(comm::PhaseClock::nanoseconds() - start));
    }

    const comm::Communicator& world_;
    config::Config config_;
    std::unique_ptr<Trainer> trainer_;
    Rounds alone_, together_;
    std::uint64_t alone_steps_ = 0, together_steps_ = 0;
};

/// Where a backward pass tells what is final, medians of its share of the pass.
std::vector<Final> measure_final_from(Trainer& trainer, const config::Config& config) {
    const std::size_t rows = trainer.rows(), elements = trainer.model().parameters().size();
    model::Vae vae(config.model, trainer.train_data().sample_shape(), rows, trainer.precision());
    vae.allocate();
    AlignedFloats x(rows * vae.dimensions()), gradients(elements);
    std::vector<std::uint64_t> samples(rows);
    std::iota(samples.begin(), samples.end(), 0);
    std::vector<std::size_t> offsets;
    std::vector<std::int64_t> times;
    std::vector<std::vector<double>> shares;
    for (int pass = 0; pass < passes; ++pass) {
        offsets.clear();
        times.clear();
        std::int64_t start = 0;
        vae.gradient(
            {trainer.exchange().values(), trainer.exchange().rounded()},
            {{x.span().data(), rows, vae.dimensions()}, samples}, {config.seed, Purpose::posterior, 0}, 1,
            1.0 / static_cast<double>(rows), gradients.span(),
            [&](std::size_t offset) {
                offsets.push_back(offset);
                times.push_back(comm::PhaseClock::nanoseconds());
            },
            [&](const model::Bound&) { start = comm::PhaseClock::nanoseconds(); });
        const auto all = static_cast<double>(comm::PhaseClock::nanoseconds() - start);
        shares.resize(times.size());
        for (std::size_t i = 0; i < times.size(); ++i) shares[i].push_back(static_cast<double>(times[i] - start) / all);
    }
    std::vector<Final> found;
    std::size_t from = elements;
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        from = std::min(from, offsets[i]);
        const double time = std::max(found.empty() ? 0.0 : found.back().time, std::min(1.0, median_of(shares[i])));
        found.push_back({time, static_cast<double>(elements - from) / static_cast<double>(elements)});
    }
    found.push_back({1, 1});
    return found;
}

/// Seconds a byte that is read to be added, of arrays as long as the gradient.
double measure_sum(const comm::Communicator& world, std::size_t elements) {
    AlignedFloats a(elements), b(elements);
    add(a.span(), b.span(), a.span());
    world.barrier();
    std::vector<double> seconds;
    for (int i = 0; i < rounds; ++i) {
        const std::int64_t start = comm::PhaseClock::nanoseconds();
        add(a.span(), b.span(), a.span());
        seconds.push_back(1e-9 * static_cast<double>(comm::PhaseClock::nanoseconds() - start));
    }
    return mean_over(world, median_of(seconds) / (2.0 * static_cast<double>(elements * sizeof(float))));
}

Line line_through(double rows, double seconds, double fewer_rows, double fewer_seconds) {
    if (rows == fewer_rows) return {0, seconds / rows};
    const double a_row = std::max(0.0, (seconds - fewer_seconds) / (rows - fewer_rows));
    return {std::max(0.0, seconds - a_row * rows), a_row};
}

/// Of the ranks that measure: what their passes, sums and updates take.
void set_costs(const comm::Communicator& world, Way& all, Way& few, StepCosts& costs) {
    Trainer& trainer = all.trainer();
    const auto ranks = static_cast<double>(world.size());
    const double passes_a_step = static_cast<double>(trainer.virtual_ranks()) / ranks;
    const auto line = [&](Account account) {
        return line_through(static_cast<double>(trainer.rows()), all.alone().median(account) / passes_a_step,
                            static_cast<double>(few.trainer().rows()), few.alone().median(account) / passes_a_step);
    };
    costs.data = line(Account::data);
    costs.forward = line(Account::forward);
    costs.backward = line(Account::backward);
    costs.fixed = all.alone().median(Account::other);
    costs.wait = all.alone().median(Account::wait);
    costs.elements = trainer.model().parameters().size();
    costs.states = trainer.optimizer_states();
    costs.update = all.alone().median(Account::update) /
                   mean_over(world, static_cast<double>(trainer.exchange().owned_elements()));
    // Sums of the node's ranks as they are; where there are none, or others with them, sums by themselves.
    const bool adds = trainer.nodes().node().size() > 1 && passes_a_step == 1;
    const double exchange = all.alone().median(Account::exchange);
    if (world.least(adds ? 1 : 0) == 1) {
        costs.sum = exchange / static_cast<double>(costs.elements * sizeof(float));
        return;
    }
    costs.sum = measure_sum(world, costs.elements);
    if (passes_a_step == 1) costs.fixed += exchange;
}

/// What driving MPI takes of a core: by how much steps' work is longer with messages, but for sums.
void set_driving(const comm::Communicator& world, const config::Config& config, Way& way, MeasuredCosts& found) {
    const Trainer& trainer = way.trainer();
    StepCosts& costs = found.costs;
    Cluster cluster;
    cluster.nodes = found.nodes;
    cluster.ranks = found.node_ranks;
    cluster.network = *found.network;
    cluster.messages = messages_of(config.communication);
    Cluster node = cluster;
    node.nodes = 1;
    const double sums = predict(costs, cluster, found.rows).sums - predict(costs, node, found.rows).sums;
    const double bytes = mean_over(world, static_cast<double>(trainer.exchange().bytes_sent()));
    const double messages = mean_over(world, static_cast<double>(trainer.exchange().messages_sent()));
    const double work = way.together().median_work() - way.alone().median_work();
    costs.message = found.network->gap;
    costs.byte = std::max(0.0, work - sums - costs.message * messages) / bytes;
}

/// Who measured it, and where.
void describe(const comm::Communicator& world, const config::Config& config, Way& all, Way& few, MeasuredCosts& found) {
    const Trainer& trainer = all.trainer();
    const auto ranks = static_cast<double>(world.size());
    const comm::Cores cores = comm::cores_of_node(trainer.nodes().node(), static_cast<int>(config.training.threads));
    found.model = describe_model(config, trainer.model());
    found.ranks = static_cast<std::size_t>(world.size());
    found.nodes = trainer.nodes().count();
    found.node_ranks = trainer.nodes().ranks(0).size();
    found.node_cores = static_cast<std::size_t>(cores.union_of_node);
    found.crowded = world.most(cores.must_share() ? 1 : 0) == 1;
    found.rows = static_cast<double>(trainer.batch()) / ranks;
    found.fewer_rows = static_cast<double>(few.trainer().batch()) / ranks;
    found.seconds = median_of(all.alone().seconds);
    found.precision = trainer.precision();
}

} // namespace

MeasuredCosts measure_costs(const comm::Communicator& world, const config::Config& asked, double seconds) {
    config::Config config = for_measuring(asked);
    // With a rank on every core, no core is free for it.
    if (config.data.prefetch == "auto") config.data.prefetch = "never";
    const std::uint64_t virtual_ranks = virtual_ranks_at_start(world, config);
    const std::uint64_t rows = data::largest_shard(asked_batch(config.training, virtual_ranks), virtual_ranks);
    Way all(world, config, virtual_ranks, rows),
        few(world, config, virtual_ranks, std::max<std::uint64_t>(1, rows / fewer));
    const bool between = all.trainer().nodes().count() > 1;
    const double each = seconds / ((between ? 3 : 2) * rounds);
    for (int round = 0; round < rounds; ++round) {
        all.measure_round(each, false);
        few.measure_round(each, false);
        if (between) all.measure_round(each, true);
    }

    MeasuredCosts found;
    describe(world, config, all, few, found);
    set_costs(world, all, few, found.costs);
    found.costs.update_waits = config.optimizer.clip || config.training.skip_not_finite;
    found.costs.final_from = measure_final_from(all.trainer(), config);
    if (between) {
        const comm::Exchange& exchange = all.trainer().exchange();
        found.network = exchange.between()->network;
        if (!found.network) found.network = comm::measure_network(all.trainer().nodes());
        set_driving(world, config, all, found);
        const double window = comm::measure_window(all.trainer().nodes());
        if (window < comm::most_window) found.costs.window = window;
    }
    return found;
}

} // namespace elbo::training
