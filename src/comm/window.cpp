#include "comm/window.hpp"

#include "comm/mpi_call.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

namespace elbo::comm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int repeats = 9;
constexpr std::size_t message_bytes = std::size_t{16} << 20;
constexpr double greeting = 1e-3; ///< seconds of looking at MPI, so that both sides agree to begin

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Of a message each way with so many seconds in it without a look at MPI. Collective.
double seconds_of(const Communicator& world, int to, int from, double without) {
    static_assert(message_bytes <= std::numeric_limits<int>::max());
    std::vector<std::byte> out(message_bytes), in(message_bytes);
    MPI_Request both[2];
    const int length = static_cast<int>(message_bytes);
    world.barrier();
    const auto start = Clock::now();
    check(MPI_Irecv(in.data(), length, MPI_BYTE, from, 0, handle_of(world), &both[0]), "MPI_Irecv");
    check(MPI_Isend(out.data(), length, MPI_BYTE, to, 0, handle_of(world), &both[1]), "MPI_Isend");
    int done = 0;
    while (!done && seconds_since(start) < greeting)
        check(MPI_Testall(2, both, &done, MPI_STATUSES_IGNORE), "MPI_Testall");
    const auto left_alone = Clock::now();
    while (seconds_since(left_alone) < without) continue;
    check(MPI_Waitall(2, both, MPI_STATUSES_IGNORE), "MPI_Waitall");
    return seconds_since(start);
}

/// Bytes of it that go while nobody looks for as long as all take.
double gone_by_itself(const Communicator& world, int to, int from) {
    const double all = 1e-9 * static_cast<double>(world.most(std::llround(1e9 * seconds_of(world, to, from, 0))));
    const double longer = seconds_of(world, to, from, all) - all;
    return static_cast<double>(message_bytes) * (1 - longer / all);
}

} // namespace

double measure_window(const Nodes& nodes) {
    // Ranks that not every node has send to themselves, so that all make the same calls.
    const int me = nodes.world().rank();
    const std::optional<Nodes::Neighbours> others = nodes.neighbours();
    const auto [next, before] = others.value_or(Nodes::Neighbours{me, me});
    std::vector<double> gone;
    for (int i = 0; i < repeats; ++i) gone.push_back(gone_by_itself(nodes.world(), next, before));
    std::ranges::sort(gone);
    double sum = others ? std::max(0.0, gone[repeats / 2]) : 0;
    nodes.world().sum(std::span(&sum, 1));
    return sum / static_cast<double>(nodes.count());
}

} // namespace elbo::comm
