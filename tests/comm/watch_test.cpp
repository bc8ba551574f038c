// Watchdogs of several processes on one board, without MPI: who speaks, what of, when, and what ends.
#include "comm/watch.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <numeric>
#include <thread>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace elbo;
using namespace elbo::comm;
using namespace std::chrono_literals;

constexpr std::size_t most_ranks = 4, most_messages = 16;

/// What a process does, and what its watchdog said; in memory that it shares with the test.
struct Shown {
    std::atomic<int> phase{static_cast<int>(Phase::starting)};
    std::atomic<bool> ticks, quits, ready;
    std::atomic<std::size_t> said, reports;
    std::array<char[1024], most_messages> messages;
    std::array<char[1024], most_messages> taken;
    std::atomic<std::uint64_t> stalls;

    std::string message(std::size_t index) const { return messages[index]; }
};

void keep(std::array<char[1024], most_messages>& texts, std::atomic<std::size_t>& count, const std::string& text) {
    if (count >= most_messages) std::abort();
    std::strncpy(texts[count], text.c_str(), sizeof texts[0] - 1);
    ++count;
}

/// Processes that stand for the ranks of a node: world ranks 10, 11 ...
class Crew {
public:
    Crew(std::size_t ranks, WatchSettings settings, std::vector<std::string> other_hosts = {})
        : ranks_(ranks), settings_(settings), other_hosts_(std::move(other_hosts)) {
        memory_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory_ == MAP_FAILED) throw std::runtime_error("mmap");
        shown_ = static_cast<Shown*>(memory_);
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            new (shown_ + rank) Shown;
            children_[rank] = fork();
            if (children_[rank] == 0) live(rank);
        }
        for (std::size_t rank = 0; rank < ranks; ++rank) wait_for([&] { return shown_[rank].ready.load(); });
    }
    ~Crew() {
        for (std::size_t rank = 0; rank < ranks_; ++rank) {
            if (children_[rank] == 0) continue;
            kill(children_[rank], SIGKILL);
            waitpid(children_[rank], nullptr, 0);
        }
        munmap(memory_, bytes);
    }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    Shown& operator[](std::size_t rank) { return shown_[rank]; }
    int process(std::size_t rank) const { return children_[rank]; }
    void send(std::size_t rank, int signal) { kill(children_[rank], signal); }

    /// Has a rank enter a phase and stay in it; returns when it has.
    void enter(std::size_t rank, Phase phase) {
        shown_[rank].ready = false;
        shown_[rank].phase = static_cast<int>(phase);
        wait_for([&] { return shown_[rank].ready.load(); });
    }

    std::size_t said() const {
        std::size_t count = 0;
        for (std::size_t rank = 0; rank < ranks_; ++rank) count += shown_[rank].said;
        return count;
    }

    /// Exit status or minus the signal.
    int end_of(std::size_t rank) {
        int status = 0;
        waitpid(std::exchange(children_[rank], 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

    template <class Done>
    static bool wait_for(Done&& done, std::chrono::milliseconds most = 20s) {
        const auto end = std::chrono::steady_clock::now() + most;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(2ms);
        }
        return true;
    }

private:
    static constexpr std::size_t bytes = 1 << 20, board_at = 1 << 19;

    [[noreturn]] void live(std::size_t rank) {
        Shown& shown = shown_[rank];
        {
            Watch::Place place;
            place.board = static_cast<std::byte*>(memory_) + board_at;
            place.ranks.resize(ranks_);
            std::iota(place.ranks.begin(), place.ranks.end(), 10);
            place.me = rank;
            place.host = "n1";
            place.other_hosts = other_hosts_;
            Watch watch(place, settings_, [&](const Stall& stall) {
                keep(shown.messages, shown.said, (stall.ends ? "END " : "") + stall.message);
            });
            watch.set_step(7);
            while (!shown.quits) {
                if (!shown.ready || shown.ticks) watch.enter(static_cast<Phase>(shown.phase.load()));
                shown.ready = true;
                shown.stalls = watch.stalls();
                if (const auto report = watch.take_report()) keep(shown.taken, shown.reports, *report);
                std::this_thread::sleep_for(5ms);
            }
        }
        std::_Exit(0);
    }

    std::size_t ranks_;
    WatchSettings settings_;
    std::vector<std::string> other_hosts_;
    void* memory_;
    Shown* shown_;
    std::array<pid_t, most_ranks> children_{};
};

constexpr WatchSettings quick{0.4, std::nullopt};

TEST(Watch, NothingIsSaidWhileOneRankMakesProgress) {
    Crew crew(3, quick);
    crew[1].ticks = true;
    std::this_thread::sleep_for(1500ms);
    EXPECT_EQ(crew.said(), 0U);
}

TEST(Watch, TheLowestRankNamesWhoHasNotArrivedOnceAndThatItGoesOn) {
    Crew crew(3, quick);
    crew.enter(2, Phase::backward);
    crew.enter(0, Phase::exchange);
    crew.enter(1, Phase::exchange);
    ASSERT_TRUE(Crew::wait_for([&] { return crew[0].said == 1; }));
    EXPECT_CONTAINS(crew[0].message(0), "host n1: no progress for 0.");
    EXPECT_CONTAINS(crew[0].message(0), " s in step 7: rank 12 (process " + std::to_string(crew.process(2)) +
                                            ") has not arrived: in backward");
    EXPECT_FALSE(elbo::testing::contains(crew[0].message(0), "rank 10")) << crew[0].message(0);
    EXPECT_EQ(crew[0].reports, 0U) << "it is not over";

    crew[2].ticks = true;
    ASSERT_TRUE(Crew::wait_for([&] { return crew[0].reports == 1; }));
    const std::string report = crew[0].taken[0];
    EXPECT_CONTAINS(report, ") has not arrived: in backward; goes on after ");
    EXPECT_EQ(crew.said(), crew[0].said);
    for (std::size_t rank = 0; rank < 3; ++rank)
        EXPECT_TRUE(Crew::wait_for([&] { return crew[rank].stalls == 1; })) << "the node's, on every rank";
}

TEST(Watch, AStallThatLastsIsToldOfAgainAtTwiceAndFourTimesTheLimit) {
    Crew crew(2, {0.3, std::nullopt});
    crew.enter(0, Phase::exchange);
    crew.enter(1, Phase::forward);
    ASSERT_TRUE(Crew::wait_for([&] { return crew[0].said == 3; }));
    for (const auto& [index, least] : {std::pair{0U, 0.3}, {1U, 0.6}, {2U, 1.2}}) {
        const std::string message = crew[0].message(index);
        const double seconds = std::stod(message.substr(message.find(" for ") + 5));
        EXPECT_GE(seconds, least) << message;
        EXPECT_LT(seconds, 1.6 * least) << message;
    }
    EXPECT_EQ(crew.said(), 3U);
    EXPECT_EQ(crew[1].stalls, 1U);
}

TEST(Watch, TheNextRankSpeaksForAFrozenFirst) {
    Crew crew(3, quick);
    for (std::size_t rank : {0, 1, 2}) crew.enter(rank, Phase::exchange);
    crew.send(0, SIGSTOP);
    ASSERT_TRUE(Crew::wait_for([&] { return crew.said() > 0; }));
    EXPECT_EQ(crew.said(), crew[1].said);
    EXPECT_CONTAINS(crew[1].message(0), "rank 10 (process " + std::to_string(crew.process(0)) +
                                            ") has not arrived: in exchange, the process is stopped (SIGSTOP?)");
    crew[0].ticks = true;
    crew.send(0, SIGCONT);
    EXPECT_TRUE(Crew::wait_for([&] { return crew[1].reports == 1; }));
    EXPECT_EQ(crew.said(), crew[1].said);
}

TEST(Watch, ARankThatWasKilledIsGone) {
    Crew crew(2, quick);
    for (std::size_t rank : {0, 1}) crew.enter(rank, Phase::exchange);
    std::this_thread::sleep_for(150ms); // each has seen the other
    crew.send(1, SIGKILL);
    ASSERT_TRUE(Crew::wait_for([&] { return crew[0].said > 0; }));
    EXPECT_CONTAINS(crew[0].message(0), ") has not arrived: in exchange, the process is gone");
}

TEST(Watch, RanksThatAllWaitNameTheOtherNodes) {
    Crew crew(2, quick, {"n2", "n3", "n2"});
    for (std::size_t rank : {0, 1}) crew.enter(rank, Phase::agreeing);
    ASSERT_TRUE(Crew::wait_for([&] { return crew[0].said > 0; }));
    EXPECT_TRUE(crew[0].message(0).ends_with(": all 2 ranks of n1 wait for other nodes: n2, n3")) << crew[0].message(0);
}

TEST(Watch, ASuspendedJobHasNotStalled) {
    Crew crew(2, {2, 2.5});
    std::this_thread::sleep_for(700ms); // quiet when it is suspended, and at first when it goes on
    for (std::size_t rank : {0, 1}) crew.send(rank, SIGSTOP);
    std::this_thread::sleep_for(4s);
    for (std::size_t rank : {0, 1}) crew.send(rank, SIGCONT);
    std::this_thread::sleep_for(150ms); // time awake so far: 0.7 s, at most two looks' 1 s for the suspension, and this
    crew[0].ticks = true;
    std::this_thread::sleep_for(600ms);
    EXPECT_EQ(crew.said(), 0U);
    crew[0].quits = crew[1].quits = true;
    EXPECT_EQ(crew.end_of(0), 0);
    EXPECT_EQ(crew.end_of(1), 0);
}

TEST(Watch, ARankThatHasEndedIsNotWaitedForAndDoesNotSpeak) {
    Crew crew(2, quick);
    crew[0].quits = true;
    EXPECT_EQ(crew.end_of(0), 0);
    crew.enter(1, Phase::agreeing);
    ASSERT_TRUE(Crew::wait_for([&] { return crew[1].said > 0; }));
    EXPECT_CONTAINS(crew[1].message(0), "rank 10 (process ");
    EXPECT_CONTAINS(crew[1].message(0), ") has ended its training");
}

TEST(Watch, EndsAllProcessesWhenAStallLastsTooLong) {
    Crew crew(3, {0.3, 0.7});
    crew.enter(0, Phase::exchange);
    crew.enter(1, Phase::forward);
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(crew.end_of(0), 1);
    EXPECT_EQ(crew.end_of(1), 1);
    EXPECT_EQ(crew.end_of(2), 1);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
    ASSERT_GE(crew[0].said, 2U);
    EXPECT_EQ(crew.said(), crew[0].said);
    const std::string last = crew[0].message(crew[0].said - 1);
    EXPECT_TRUE(last.starts_with("END host n1: no progress for ")) << last;
    EXPECT_CONTAINS(last, "rank 11 (process ");
    EXPECT_CONTAINS(last, "; the run ends, since this is longer than 0.70 s");
}

TEST(Watch, EndsThoughTheFirstRankIsFrozenAndNothingElseIsAskedFor) {
    Crew crew(2, {0, 0.8});
    for (std::size_t rank : {0, 1}) crew.enter(rank, Phase::exchange);
    crew.send(0, SIGSTOP);
    EXPECT_EQ(crew.end_of(1), 1);
    EXPECT_EQ(crew[1].said, 1U);
    EXPECT_CONTAINS(crew[1].message(0), "the process is stopped");
}

TEST(Watch, IsOffWithoutLimits) {
    Crew crew(1, {0, std::nullopt});
    crew.enter(0, Phase::forward);
    std::this_thread::sleep_for(300ms);
    EXPECT_EQ(crew.said(), 0U);
    crew[0].quits = true;
    EXPECT_EQ(crew.end_of(0), 0);
}

TEST(Watch, PhasesAreFailPointsAndAreShownBefore) {
    alignas(64) std::array<std::byte, 1024> board{};
    Watch watch({board.data(), {0}, 0, "n1", {}}, {}, {});
    arm_fault(parse_fault("throw@backward:2"));
    EXPECT_NO_THROW(watch.enter(Phase::backward));
    EXPECT_NO_THROW(watch.enter(Phase::forward));
    EXPECT_THROW(watch.enter(Phase::backward), Error);
    EXPECT_EQ(watch.phase(), Phase::backward);
    arm_fault(std::nullopt);
    ASSERT_LE(Watch::board_bytes(1), board.size());
}

TEST(Watch, EndsAtOnceThoughItsLooksAreFarApart) {
    const auto before = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) {
        alignas(64) std::array<std::byte, 1024> board{};
        Watch watch({board.data(), {0}, 0, "n1", {}}, {}, {});
    }
    EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
}

/// Several threads of one process, each as a rank: what ThreadSanitizer can see of it.
TEST(Watch, MainAndWatchdogsThreadsDoNotDisturbEachOther) {
    alignas(64) std::array<std::byte, 1024> board{};
    std::atomic<int> said = 0;
    std::atomic<bool> over = false;
    std::vector<std::thread> ranks;
    for (std::size_t rank = 0; rank < 2; ++rank)
        ranks.emplace_back([&, rank] {
            Watch watch({board.data(), {0, 1}, rank, "n1", {}}, {0.2, std::nullopt}, [&](const Stall&) { ++said; });
            for (int round = 0; round < 20000; ++round) watch.enter(round % 2 ? Phase::exchange : Phase::forward);
            while (said == 0) std::this_thread::sleep_for(10ms);
            watch.tick();
            while (!over) {
                if (watch.take_report()) over = true;
                std::this_thread::sleep_for(10ms);
            }
            EXPECT_GE(watch.stalls(), 1U);
        });
    for (std::thread& rank : ranks) rank.join();
    EXPECT_EQ(said, 1);
}

} // namespace
