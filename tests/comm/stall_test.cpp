// The line that names who has not arrived, and how their processes are.
#include "comm/stall.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace elbo::comm;
using elbo::read_process;

Stalled stalled_with(std::vector<Member> members, std::vector<std::string> others = {}) {
    const bool alone = others.empty();
    return {"n1", std::move(others), alone, 61, 1200, std::move(members)};
}

TEST(Stall, NamesTheRankThatHasNotArrived) {
    EXPECT_EQ(stall_message(stalled_with({{0, 4709, Phase::exchange},
                                          {1, 4710, Phase::exchange},
                                          {2, 4711, Phase::forward, Life::stopped},
                                          {3, 4712, Phase::agreeing, Life::on_disk}})),
              "host n1: no progress for 1 min 01 s in step 1,200: rank 2 (process 4711) has not arrived: in forward, "
              "the process is stopped (SIGSTOP?)");
}

TEST(Stall, ARankThatWaitsIsMissingWhereItCouldNotGoOn) {
    for (const Life life : {Life::stopped, Life::traced, Life::gone, Life::silent}) {
        const std::string message =
            stall_message(stalled_with({{4, 10, Phase::exchange}, {5, 11, Phase::exchange, life}}, {"n2"}));
        EXPECT_CONTAINS(message, "rank 5 (process 11) has not arrived: in exchange, the process ");
        EXPECT_FALSE(elbo::testing::contains(message, "rank 4")) << message;
    }
}

TEST(Stall, ANodeWhoseRanksAllWaitBlamesTheOthers) {
    const std::vector<Member> two = {{4, 10, Phase::exchange}, {5, 11, Phase::agreeing}};
    EXPECT_CONTAINS(stall_message(stalled_with(two, {"n2", "n3"})), ": all 2 ranks of n1 wait for other nodes: n2, n3");
    EXPECT_CONTAINS(stall_message(stalled_with({two.front()}, {"n1"})),
                    ": rank 4 waits for other ranks on the same host: n1");
    EXPECT_CONTAINS(
        stall_message(stalled_with(two)),
        ": all ranks wait for each other: rank 4 (process 10) in exchange, rank 5 (process 11) in agreeing");
    EXPECT_CONTAINS(stall_message(stalled_with({two.front()})), ": rank 4 (process 10) in exchange");
}

TEST(Stall, RanksThatHaveEndedAreNamedOnlyWhereNobodyElseIsMissing) {
    const Member ended = {1, 11, Phase::ended, Life::gone}, waiting = {0, 10, Phase::agreeing};
    EXPECT_CONTAINS(stall_message(stalled_with({waiting, ended})), "rank 1 (process 11) has ended its training");
    const std::string message = stall_message(stalled_with({waiting, ended, {2, 12, Phase::saving, Life::on_disk}}));
    EXPECT_CONTAINS(message, "rank 2 (process 12) has not arrived: in saving, the process waits for a disk");
    EXPECT_FALSE(elbo::testing::contains(message, "ended")) << message;
    EXPECT_CONTAINS(stall_message(stalled_with({waiting, {1, 0, Phase::starting}})), "rank 1 has not come yet");
}

TEST(Stall, LongListsAreShortened) {
    std::vector<Member> members;
    for (int rank = 0; rank < 64; ++rank) members.push_back({rank, 100 + rank, Phase::forward});
    const std::string message = stall_message(stalled_with(members));
    EXPECT_CONTAINS(message, "rank 7 (process 107)");
    EXPECT_FALSE(elbo::testing::contains(message, "rank 8 ")) << message;
    EXPECT_TRUE(message.ends_with(" and 56 more")) << message;
}

TEST(Life, StatesOfAChildAreSeen) {
    const pid_t child = fork();
    if (child == 0) {
        for (;;) pause();
    }
    ASSERT_TRUE(read_process(child));
    const std::uint64_t started = read_process(child)->started;
    EXPECT_GE(started, read_process(getpid())->started);
    EXPECT_EQ(life_of(*read_process(child)), Life::running);
    kill(child, SIGSTOP);
    waitpid(child, nullptr, WUNTRACED);
    EXPECT_EQ(life_of(*read_process(child)), Life::stopped);
    kill(child, SIGKILL);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
    EXPECT_EQ(life_of(*read_process(child)), Life::gone) << "a zombie";
    waitpid(child, nullptr, 0);
    EXPECT_FALSE(read_process(child));
}

} // namespace
