// The watch on the ranks of real nodes: one board a node, world ranks in what is said.
#include "comm/watch.hpp"
#include "mpi/world.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace {

using namespace elbo;
using namespace elbo::comm;
using namespace std::chrono_literals;

constexpr WatchSettings quick{0.4, std::nullopt};

/// What this rank's watchdog says.
class Heard {
public:
    Watch::OnStall listener() {
        return [this](const Stall& stall) {
            const std::lock_guard lock(mutex_);
            messages_.push_back(stall.message);
        };
    }
    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return messages_.size();
    }
    /// The first message, for which it waits.
    std::string first() {
        for (int look = 0; count() == 0 && look < 2000; ++look) std::this_thread::sleep_for(10ms);
        const std::lock_guard lock(mutex_);
        return messages_.empty() ? "nothing was said" : messages_.front();
    }

private:
    std::mutex mutex_;
    std::vector<std::string> messages_;
};

/// The report of a stall that this call ends.
std::string report_of(Watch& watch) {
    for (int look = 0; look < 2000; ++look) {
        watch.tick();
        if (const std::optional<std::string> report = watch.take_report()) return *report;
        std::this_thread::sleep_for(10ms);
    }
    return "no report";
}

std::string named(int rank, std::int64_t process) { return fmt::format("rank {} (process {}) ", rank, process); }

TEST(WatchOnNodes, TheFirstRankNamesTheOneThatStaysBehind) {
    Heard heard;
    const Nodes nodes(world(), true);
    Watch watch(nodes, quick, heard.listener());
    const std::vector<std::int64_t> processes = world().gather(getpid());
    const int last = world().size() - 1;
    watch.set_step(3);
    watch.enter(world().rank() == last ? Phase::forward : Phase::exchange);

    std::string message;
    if (world().first()) message = heard.first();
    world().barrier(); // MPI's own calls are no progress of the training
    const std::vector<std::int64_t> counts = world().gather(static_cast<std::int64_t>(heard.count()));
    if (world().first()) {
        EXPECT_CONTAINS(message, "host " + world().host() + ": no progress for 0.");
        EXPECT_CONTAINS(message, " in step 3: " + named(last, processes.back()) + "has not arrived: in forward");
        const std::string report = report_of(watch);
        EXPECT_CONTAINS(report, message.substr(message.find(" in step 3")) + "; goes on after ");
        for (int rank = 1; rank <= last; ++rank) EXPECT_EQ(counts[static_cast<std::size_t>(rank)], 0) << rank;
    }
    world().barrier();
    EXPECT_EQ(watch.stalls(), 1U);
    EXPECT_FALSE(watch.take_report());
}

TEST(WatchOnNodes, NothingIsSaidWhileRanksWork) {
    Heard heard;
    const Nodes nodes(world(), true);
    Watch watch(nodes, {0.8, std::nullopt}, heard.listener());
    const auto start = std::chrono::steady_clock::now();
    while (world().least(std::chrono::steady_clock::now() - start < 1500ms)) {
        watch.enter(Phase::forward);
        std::this_thread::sleep_for(5ms);
        watch.enter(Phase::agreeing);
    }
    EXPECT_EQ(heard.count(), 0U);
    EXPECT_EQ(watch.stalls(), 0U);
}

TEST(WatchOnNodes, TheNextRankSpeaksForAFrozenFirst) {
    if (world().size() < 2) GTEST_SKIP() << "a frozen rank alone cannot speak";
    Heard heard;
    const Nodes nodes(world(), true);
    Watch watch(nodes, quick, heard.listener());
    const std::vector<std::int64_t> processes = world().gather(getpid());
    watch.enter(Phase::exchange);
    world().barrier();
    if (world().rank() == 1) {
        const auto first = static_cast<pid_t>(processes.front());
        kill(first, SIGSTOP);
        const std::string message = heard.first();
        kill(first, SIGCONT);
        EXPECT_CONTAINS(message, named(0, first) + "has not arrived: in exchange, the process is stopped (SIGSTOP?)");
        EXPECT_FALSE(elbo::testing::contains(message, "rank 1 ")) << message;
    }
    world().barrier();
    const std::vector<std::int64_t> counts = world().gather(static_cast<std::int64_t>(heard.count()));
    EXPECT_GE(counts[1], 1);
    for (std::size_t rank = 2; rank < counts.size(); ++rank) EXPECT_EQ(counts[rank], 0) << rank;
    if (world().rank() == 1) {
        EXPECT_CONTAINS(report_of(watch), "; goes on after ");
    }
    world().barrier();
}

TEST(WatchOnNodes, RanksThatAreNodesOfTheirOwnSpeakForThemselves) {
    if (world().size() < 2) GTEST_SKIP() << "there is nobody to wait for";
    Heard heard;
    const Nodes nodes(world(), false);
    Watch watch(nodes, quick, heard.listener());
    watch.enter(world().first() ? Phase::forward : Phase::exchange);
    const std::string message = heard.first();
    if (world().first())
        EXPECT_CONTAINS(message, named(0, getpid()) + "has not arrived: in forward");
    else
        EXPECT_CONTAINS(message, fmt::format(": rank {} waits for other ranks on the same host: {}", world().rank(),
                                             world().host()));
    world().barrier();
}

TEST(Faults, MpisRankCountsRatherThanTheEnvironments) {
    const char* const name = "OMPI_COMM_WORLD_RANK";
    const char* const found = std::getenv(name);
    const std::string before = found ? found : "";
    setenv(name, "99", 1);
    const int last = world().size() - 1;
    arm_fault(Fault{FaultAction::throws, "here", 1, last});
    bool thrown = false;
    try {
        fault_point("here");
    } catch (const Error&) {
        thrown = true;
    }
    arm_fault(std::nullopt);
    EXPECT_EQ(thrown, world().rank() == last);
    if (found)
        setenv(name, before.c_str(), 1);
    else
        unsetenv(name);
}

} // namespace
