#include "comm/network.hpp"

#include "comm/mpi_call.hpp"
#include "numerics/sums.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace elbo::comm {
namespace {

constexpr int short_messages = 11, burst = 16, looks = 3;
constexpr std::size_t first_bytes = 1 << 16, most_bytes = 1 << 22;
constexpr double long_enough = 0.01; ///< seconds for bytes a message
constexpr std::size_t eager_step = 1 << 12, most_eager = 1 << 22;

/// A rank and its counterparts on the next node and the one before; ranks that not every node has take no part.
class Ring {
public:
    explicit Ring(const Nodes& nodes) : world_(nodes.world()), neighbours_(nodes.neighbours()) {}

    /// Seconds of `count` messages of so many bytes each way, under way together; the slowest rank's. Collective.
    double seconds(std::size_t bytes, int count) {
        world_.barrier();
        std::int64_t taken = 0;
        if (neighbours_) {
            out_.resize(std::max(out_.size(), bytes));
            in_.resize(std::max(in_.size(), bytes * static_cast<std::size_t>(count)));
            const auto start = std::chrono::steady_clock::now();
            swap(bytes, count);
            taken = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
        }
        return 1e-9 * static_cast<double>(world_.most(taken));
    }

    /// True where messages of so many bytes have left on all ranks before any rank was ready to receive. Collective.
    bool leaves_unasked(std::size_t bytes) {
        int left = 1;
        MPI_Request sent = MPI_REQUEST_NULL;
        const int length = static_cast<int>(bytes);
        world_.barrier();
        if (neighbours_) {
            out_.resize(std::max(out_.size(), bytes));
            in_.resize(std::max(in_.size(), bytes));
            check(MPI_Isend(out_.data(), length, MPI_BYTE, neighbours_->next, 0, handle_of(world_), &sent),
                  "MPI_Isend");
        }
        for (int i = 0; i < looks; ++i) {
            world_.barrier();
            if (neighbours_) check(MPI_Test(&sent, &left, MPI_STATUS_IGNORE), "MPI_Test");
        }
        world_.barrier();
        if (neighbours_) {
            check(MPI_Recv(in_.data(), length, MPI_BYTE, neighbours_->before, 0, handle_of(world_), MPI_STATUS_IGNORE),
                  "MPI_Recv");
            check(MPI_Wait(&sent, MPI_STATUS_IGNORE), "MPI_Wait");
        }
        return world_.most(left ? 0 : 1) == 0;
    }

private:
    void swap(std::size_t bytes, int count) {
        std::vector<MPI_Request> requests(2 * static_cast<std::size_t>(count));
        const int length = static_cast<int>(bytes);
        for (int i = 0; i < count; ++i) {
            std::byte* const in = in_.data() + static_cast<std::size_t>(i) * bytes;
            MPI_Request* const pair = &requests[2 * static_cast<std::size_t>(i)];
            check(MPI_Irecv(in, length, MPI_BYTE, neighbours_->before, i, handle_of(world_), pair), "MPI_Irecv");
            check(MPI_Isend(out_.data(), length, MPI_BYTE, neighbours_->next, i, handle_of(world_), pair + 1),
                  "MPI_Isend");
        }
        check(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
    }

    const Communicator& world_;
    std::optional<Nodes::Neighbours> neighbours_;
    std::vector<std::byte> out_, in_;
};

double median_of(Ring& ring, std::size_t bytes, int count, int repeats) {
    std::vector<double> seconds;
    for (int i = 0; i < repeats; ++i) seconds.push_back(ring.seconds(bytes, count));
    std::ranges::nth_element(seconds, seconds.begin() + repeats / 2);
    return seconds[static_cast<std::size_t>(repeats / 2)];
}

/// By bisection, to a page.
std::size_t longest_unasked(Ring& ring) {
    std::size_t within = 0, beyond = 1;
    while (beyond * eager_step < most_eager && ring.leaves_unasked(beyond * eager_step))
        within = std::exchange(beyond, 2 * beyond);
    while (beyond - within > 1) {
        const std::size_t middle = (within + beyond) / 2;
        (ring.leaves_unasked(middle * eager_step) ? within : beyond) = middle;
    }
    return within * eager_step;
}

} // namespace

Network measure_network(const Nodes& nodes) {
    Ring ring(nodes);
    ring.seconds(8, 1); // makes the connections
    Network network;
    network.latency = median_of(ring, 8, 1, short_messages);
    const double several = median_of(ring, 8, burst, short_messages);
    network.gap = std::max(0.0, several - network.latency) / (burst - 1);
    network.eager = longest_unasked(ring);
    // Long enough that what a network lets pass at once does not count.
    std::size_t bytes = first_bytes;
    double seconds = ring.seconds(bytes, 1);
    while (seconds < long_enough && bytes < most_bytes) seconds = ring.seconds(bytes *= 2, 1);
    seconds = std::max(1e-9, std::min(seconds, ring.seconds(bytes, 1)) - network.latency);
    network.bandwidth = static_cast<double>(bytes * nodes.fewest_ranks()) / seconds;
    return network;
}

double exchange_seconds(const Network& network, const Load& bucket, std::size_t buckets, std::size_t ranks,
                        Precision precision) {
    const std::size_t bytes = bucket.elements * bytes_of(precision);
    const bool answered = network.eager > 0 && bytes > network.eager * ranks * bucket.messages; // the mean message
    const double handshakes = answered ? 2 * network.latency * static_cast<double>(bucket.stages) : 0;
    const double one = static_cast<double>(bytes) / network.bandwidth +
                       static_cast<double>(bucket.messages) * network.gap + handshakes;
    return static_cast<double>(bucket.stages) * network.latency + static_cast<double>(buckets + 1) * one;
}

namespace {

/// Lengths of buckets to choose from, in blocks: powers of two, and those whose messages just need no answer.
std::vector<std::size_t> bucket_lengths(const Network& network, const Messages& asked, const Shares& shares,
                                        std::size_t blocks, std::size_t locals) {
    if (asked.bucket_bytes) return {std::max<std::size_t>(1, *asked.bucket_bytes / (sum_block * sizeof(float)))};
    std::vector<std::size_t> lengths;
    const std::size_t most = std::max(locals, blocks);
    for (std::size_t length = locals; length < 2 * most; length *= 2) lengths.push_back(std::min(length, most));
    const std::size_t unasked = network.eager / bytes_of(asked.precision) / sum_block * locals;
    for (const std::size_t length : {unasked, unasked * shares.nodes()})
        if (length > 0) lengths.push_back(std::min(length, most));
    std::ranges::sort(lengths);
    return lengths;
}

} // namespace

Chosen choose(const Network& network, const Messages& asked, const Shares& shares, std::size_t elements,
              std::size_t locals) {
    const std::size_t blocks = (elements + sum_block - 1) / sum_block;
    const std::vector<std::size_t> lengths = bucket_lengths(network, asked, shares, blocks, locals);
    Chosen best{};
    double least = std::numeric_limits<double>::infinity();
    for (const RouteKind& kind : route_kinds()) {
        if (asked.route && *asked.route != kind.route) continue;
        for (const std::size_t length : lengths) {
            const Load load = load_of(kind.route, shares, std::min(elements, length * sum_block));
            const double seconds =
                exchange_seconds(network, load, (blocks + length - 1) / length, locals, asked.precision);
            if (best.bucket_blocks > 0 && seconds >= least) continue;
            least = seconds;
            best = {length, kind.route};
        }
    }
    return best;
}

} // namespace elbo::comm
