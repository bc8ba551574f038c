#include "training/scaling.hpp"

#include "numerics/bfloat16.hpp"
#include "numerics/sums.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <queue>

namespace elbo::training {
namespace {

constexpr double float_bytes = sizeof(float), endless = std::numeric_limits<double>::infinity();

comm::Shares shares_of(const Cluster& cluster) {
    const std::size_t each = cluster.ranks * cluster.accumulate;
    std::vector<comm::Leaves> leaves;
    for (std::size_t node = 0; node < cluster.nodes; ++node) leaves.push_back({node * each, (node + 1) * each});
    return {cluster.nodes * each, leaves};
}

/// One of equal buckets between nodes; seconds.
struct Bucket {
    std::size_t stages = 0;
    double wire = 0;    ///< on the network, a stage
    double latency = 0; ///< a stage
    double begin = 0;   ///< of a core: sums over the node
    double stage = 0;   ///< of a core: messages and sums of what arrives, a stage
    double update = 0;  ///< of a core
    double window = 0;  ///< on the network, between two looks at MPI
};

/// A rank's time from the begin of its last backward pass on, and the network's. Nodes are alike, so that one is
/// followed; what it sends is what it gets. While it computes, messages wait for its looks at MPI: to begin, since both
/// sides have to agree, and to go on where more is left to send than the network takes by itself.
class Timeline {
public:
    Timeline(const Bucket& bucket, std::size_t buckets, bool update_waits)
        : bucket_(bucket), buckets_(buckets), update_waits_(update_waits) {}

    double end(const std::vector<Final>& final_from, double backward) {
        double before = 0;
        for (const Final& point : final_from) {
            const double computing = (point.time - before) * backward;
            before = point.time;
            travel(std::min(computing, bucket_.window));
            now_ += computing;
            agreed_ = waiting_.size();
            begin_until(point.gradient);
            while (!arrivals_.empty() && arrivals_.top().time <= now_) take_next();
        }
        computes_ = false;
        for (const Waiting& message : waiting_) leave(message);
        while (!arrivals_.empty()) take_next();
        if (update_waits_) now_ += bucket_.update * static_cast<double>(buckets_);
        return now_;
    }

private:
    /// A stage of a bucket; seconds that it still takes on the network.
    struct Waiting {
        std::size_t bucket, stage;
        double wire;
    };
    struct Arrival {
        double time;
        std::size_t bucket, stage;
        bool operator>(const Arrival& other) const { return time > other.time; }
    };

    void begin_until(double gradient) {
        const double count = std::floor(gradient * static_cast<double>(buckets_) + 1e-9);
        for (; static_cast<double>(begun_) < count; ++begun_) {
            now_ += bucket_.begin;
            send({begun_, 0, bucket_.wire});
        }
    }

    void send(const Waiting& message) {
        if (computes_)
            waiting_.push_back(message);
        else
            leave(message);
    }

    void leave(const Waiting& message) {
        wire_free_ = std::max(wire_free_, now_) + message.wire;
        arrivals_.push({wire_free_ + bucket_.latency, message.bucket, message.stage});
    }

    /// From now on for so long, of what both sides have agreed on.
    void travel(double seconds) {
        wire_free_ = now_;
        for (; agreed_ > 0 && seconds > 0; --agreed_) {
            Waiting& first = waiting_.front();
            const double part = std::min(first.wire, seconds);
            seconds -= part;
            first.wire -= part;
            wire_free_ += part;
            if (first.wire > 0) return;
            arrivals_.push({wire_free_ + bucket_.latency, first.bucket, first.stage});
            waiting_.pop_front();
        }
    }

    void take_next() {
        const Arrival arrival = arrivals_.top();
        arrivals_.pop();
        now_ = std::max(now_, arrival.time) + bucket_.stage;
        if (arrival.stage + 1 < bucket_.stages)
            send({arrival.bucket, arrival.stage + 1, bucket_.wire});
        else if (!update_waits_)
            now_ += bucket_.update;
    }

    const Bucket& bucket_;
    std::size_t buckets_, begun_ = 0, agreed_ = 0; ///< agreed: of those that wait
    bool update_waits_, computes_ = true;
    double now_ = 0, wire_free_ = 0;
    std::deque<Waiting> waiting_;
    std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> arrivals_;
};

/// Of a node's ranks, each with a gradient of its own: written, read to be added; values read in both passes; what the
/// update reads and writes.
double memory_bytes(const StepCosts& costs, const Cluster& cluster) {
    const auto elements = static_cast<double>(costs.elements), ranks = static_cast<double>(cluster.ranks);
    return float_bytes * elements * (4 * ranks + 2 * (1 + static_cast<double>(costs.states)));
}

/// Chooses route and buckets as the program does; adds the exchange to what computing takes.
double with_exchange(const StepCosts& costs, const Cluster& cluster, double backward, Prediction& found) {
    const comm::Shares shares = shares_of(cluster);
    const auto ranks = static_cast<double>(cluster.ranks);
    found.chosen = comm::choose(cluster.network, cluster.messages, shares, costs.elements, cluster.ranks);
    const std::size_t length = std::min(costs.elements, found.chosen.bucket_blocks * sum_block);
    found.buckets = (costs.elements + length - 1) / length;
    const comm::Load load = comm::load_of(found.chosen.route, shares, length);
    found.stages = load.stages;
    found.exchange =
        comm::exchange_seconds(cluster.network, load, found.buckets, cluster.ranks, cluster.messages.precision);

    const auto stages = static_cast<double>(load.stages), buckets = static_cast<double>(found.buckets);
    const auto messages = static_cast<double>(load.messages);
    // The last bucket is shorter: all together have the parameters' elements.
    const double part = static_cast<double>(costs.elements) / (static_cast<double>(length) * buckets);
    const double sent = part * static_cast<double>(load.elements);
    const double bytes = sent * static_cast<double>(bytes_of(cluster.messages.precision));
    const double driving = (costs.byte * bytes / ranks + costs.message * messages) / cluster.core_share;
    // Half of what arrives is added, but for the direct route, where all is; in bf16 all is rounded and widened.
    const double added = found.chosen.route == comm::Route::direct ? 1 : 0.5;
    const double rounded = cluster.messages.precision == Precision::bf16 ? 1 : 0;
    const double arriving = costs.sum * float_bytes * sent / ranks * (added + rounded) / cluster.core_share;
    found.driving = buckets * driving;
    found.sums += buckets * arriving;
    const Bucket bucket{load.stages,
                        (bytes / cluster.network.bandwidth + messages * cluster.network.gap) / stages,
                        cluster.network.latency,
                        (found.sums - buckets * arriving) / buckets,
                        (driving + arriving) / stages,
                        found.update / buckets,
                        costs.window ? *costs.window / cluster.network.bandwidth : endless};
    return Timeline(bucket, found.buckets, costs.update_waits).end(costs.final_from, backward);
}

Prediction step_of(const StepCosts& costs, const Cluster& cluster, double rows) {
    Prediction found;
    const auto nodes = static_cast<double>(cluster.nodes), ranks = static_cast<double>(cluster.ranks);
    const auto elements = static_cast<double>(costs.elements), passes = static_cast<double>(cluster.accumulate);
    const double pass_rows = rows / passes, share = cluster.core_share;
    const double backward = costs.backward.at(pass_rows) / share;
    found.compute =
        (costs.fixed + passes * (costs.data.at(pass_rows) + costs.forward.at(pass_rows))) / share + passes * backward;
    if (cluster.ranks > 1) found.compute += costs.wait / share;
    found.update = costs.update * elements / ranks / share;
    if (cluster.nodes * cluster.ranks > 1) found.sums = costs.sum * float_bytes * elements / share;
    const double folds = (passes - 1) * costs.sum * 2 * float_bytes * elements / share;
    found.seconds = found.compute + folds;
    if (cluster.nodes > 1) {
        const double busy = found.seconds - backward;
        found.seconds = busy + with_exchange(costs, cluster, backward, found);
        found.sums += folds;
        found.left = std::max(0.0, found.seconds - found.compute - found.sums - found.update - found.driving);
        // Who shares a core is not there at once when a stage's messages come, unless all wait for the network anyway.
        if (cluster.core_share < 1) {
            const double turns = cluster.rest_of_turn * static_cast<double>(found.stages);
            const double left = std::max(found.left, turns);
            found.seconds += left - found.left;
            found.left = left;
        }
    } else {
        found.sums += folds;
        found.seconds = found.compute + found.sums + found.update;
    }
    if (cluster.memory)
        found.memory = std::max(0.0, memory_bytes(costs, cluster) / *cluster.memory - (found.seconds - found.left));
    found.seconds += found.memory;
    found.samples = rows * nodes * ranks;
    return found;
}

/// Of one core, with a core to itself.
double alone(const StepCosts& costs, const Cluster& cluster, double rows) {
    Cluster one;
    one.accumulate = cluster.accumulate;
    return step_of(costs, one, rows).samples_per_second();
}

double cores_of(const Cluster& cluster) {
    return static_cast<double>(cluster.nodes * cluster.ranks) * cluster.core_share;
}

} // namespace

Prediction predict(const StepCosts& costs, const Cluster& cluster, double rows) {
    Prediction found = step_of(costs, cluster, rows);
    found.efficiency = found.samples_per_second() / cores_of(cluster) / alone(costs, cluster, rows);
    return found;
}

double strong_efficiency(const StepCosts& costs, const Cluster& cluster, double rows) {
    const Prediction found = step_of(costs, cluster, rows / static_cast<double>(cluster.nodes));
    return found.samples_per_second() / cores_of(cluster) / alone(costs, cluster, rows);
}

std::optional<std::size_t> falls_below(const StepCosts& costs, Cluster cluster, double rows, double least,
                                       std::size_t most) {
    for (cluster.nodes = 1; cluster.nodes <= most; cluster.nodes *= 2)
        if (predict(costs, cluster, rows).efficiency < least) return cluster.nodes;
    return std::nullopt;
}

std::vector<Remedy> remedies(const StepCosts& costs, const Cluster& cluster, double rows, double least,
                             std::size_t most) {
    std::vector<Remedy> found;
    const auto with = [&](const std::string& words, const Cluster& changed, double changed_rows,
                          const StepCosts& changed_costs) {
        found.push_back({words, falls_below(changed_costs, changed, changed_rows, least, most)});
    };
    for (const double factor : {2.0, 4.0})
        with(fmt::format("{:.0f} rows a rank instead of {:.0f}", factor * rows, rows), cluster, factor * rows, costs);
    Cluster changed = cluster;
    if (cluster.messages.precision == Precision::fp32) {
        changed.messages.precision = Precision::bf16;
        with("communication.precision=bf16", changed, rows, costs);
        changed = cluster;
    }
    changed.network.bandwidth *= 2;
    with("twice the bandwidth", changed, rows, costs);
    changed = cluster;
    changed.network.latency /= 2;
    changed.network.gap /= 2;
    with("half the latency, and half the time a message", changed, rows, costs);
    if (costs.update_waits) {
        StepCosts free = costs;
        free.update_waits = false;
        with("optimizer.clip=~ and training.on_nan=stop", cluster, rows, free);
    }
    return found;
}

} // namespace elbo::training
