#include "comm/driving.hpp"

#include "comm/mpi_call.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

namespace elbo::comm {
namespace {

constexpr int repeats = 7, short_messages = 64, long_messages = 4, calibrations = 2000;
constexpr std::size_t short_bytes = 64, long_bytes = 1 << 20;

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A few microseconds of a core.
void work() {
    volatile float value = 1; // so that it is computed
    for (int i = 0; i < 1000; ++i) value = value * 0.999F + 0.001F;
}

class Neighbours {
public:
    explicit Neighbours(const Nodes& nodes) : world_(nodes.world()) {
        std::size_t least = std::numeric_limits<std::size_t>::max();
        for (std::size_t node = 0; node < nodes.count(); ++node) least = std::min(least, nodes.ranks(node).size());
        const auto local = static_cast<std::size_t>(nodes.node().rank());
        takes_part_ = local < least;
        if (!takes_part_) return;
        next_ = nodes.ranks((nodes.mine() + 1) % nodes.count())[local];
        before_ = nodes.ranks((nodes.mine() + nodes.count() - 1) % nodes.count())[local];
    }

    /// Seconds of a piece of work and a look at MPI, with no message under way. Collective, as is the next.
    double idle_piece() {
        world_.barrier();
        const auto start = std::chrono::steady_clock::now();
        int flag = 0;
        for (int i = 0; i < calibrations; ++i) {
            work();
            check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, handle_of(world_), &flag, MPI_STATUS_IGNORE), "MPI_Iprobe");
        }
        const double seconds = seconds_since(start) / calibrations;
        world_.barrier();
        return seconds;
    }

    /// Seconds that so many messages each way take from the work.
    double taken(int count, std::size_t bytes, double piece) {
        world_.barrier();
        if (!takes_part_) return 0;
        const auto messages = static_cast<std::size_t>(count);
        out_.resize(bytes);
        in_.resize(bytes * messages);
        std::vector<MPI_Request> requests(2 * messages);
        const int length = static_cast<int>(bytes);
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < count; ++i) {
            std::byte* const in = in_.data() + static_cast<std::size_t>(i) * bytes;
            MPI_Request* const pair = &requests[2 * static_cast<std::size_t>(i)];
            check(MPI_Irecv(in, length, MPI_BYTE, before_, i, handle_of(world_), pair), "MPI_Irecv");
            check(MPI_Isend(out_.data(), length, MPI_BYTE, next_, i, handle_of(world_), pair + 1), "MPI_Isend");
        }
        int pieces = 0;
        for (int done = 0; !done; ++pieces) {
            work();
            check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE),
                  "MPI_Testall");
        }
        return std::max(0.0, seconds_since(start) - pieces * piece);
    }

private:
    const Communicator& world_;
    bool takes_part_ = false;
    int next_ = 0, before_ = 0;
    std::vector<std::byte> out_, in_;
};

double mean_of(const Communicator& world, double mine) {
    world.sum(std::span(&mine, 1));
    return mine / world.size();
}

} // namespace

Driving measure_driving(const Nodes& nodes) {
    Neighbours neighbours(nodes);
    neighbours.taken(1, short_bytes, 0); // makes the connections
    std::vector<double> messages, bytes;
    for (int i = 0; i < repeats; ++i) {
        const double piece = neighbours.idle_piece();
        messages.push_back(neighbours.taken(short_messages, short_bytes, piece) / short_messages);
        bytes.push_back(neighbours.taken(long_messages, long_bytes, piece) / (long_messages * long_bytes));
    }
    std::ranges::sort(messages);
    std::ranges::sort(bytes);
    return {mean_of(nodes.world(), messages[repeats / 2]), mean_of(nodes.world(), bytes[repeats / 2])};
}

} // namespace elbo::comm
