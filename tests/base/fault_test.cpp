// Fail points: the request's format, which visit and which rank a fault meets, and each action in a process of its own.
#include "base/error.hpp"
#include "base/fault.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace elbo;

/// What a forked process that runs `work` comes to: waitpid's status, of a stop too.
template <class Work>
int outcome_of(pid_t& child, Work&& work) {
    child = fork();
    if (child == 0) {
        work();
        std::_Exit(9);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, WUNTRACED), child);
    return status;
}

class FaultTest : public ::testing::Test {
protected:
    ~FaultTest() override {
        arm_fault(std::nullopt);
        set_fault_rank(0);
    }
};

TEST_F(FaultTest, RequestsAreRead) {
    const Fault whole = parse_fault("kill@forward:120/3");
    EXPECT_EQ(whole.action, FaultAction::kills);
    EXPECT_EQ(whole.place, "forward");
    EXPECT_EQ(whole.count, 120U);
    EXPECT_EQ(whole.rank, 3);
    const Fault least = parse_fault("throw@save rename");
    EXPECT_EQ(least.action, FaultAction::throws);
    EXPECT_EQ(least.place, "save rename");
    EXPECT_EQ(least.count, 1U);
    EXPECT_FALSE(least.rank);
    EXPECT_EQ(parse_fault("stop@a/0").rank, 0);
    EXPECT_EQ(parse_fault("exit@a:2").action, FaultAction::exits);
    EXPECT_EQ(parse_fault("exhaust@a").action, FaultAction::exhausts);
}

TEST_F(FaultTest, MalformedRequestsAreRefusedWithTheFormat) {
    for (const char* request :
         {"", "forward", "crash@forward", "throw@", "throw@:2", "throw@a:", "throw@a:0", "throw@a:-1", "throw@a:2x",
          "throw@a:1:2", "throw@a/", "throw@a/x", "throw@a/-1", "@a", "throw@/1", "throw@a:99999999999999999999"}) {
        try {
            parse_fault(request);
            ADD_FAILURE() << "accepted: " << request;
        } catch (const InputError& error) {
            const std::string message = error.what();
            EXPECT_NE(message.find("ACTION@PLACE[:COUNT][/RANK]"), std::string::npos) << message;
            EXPECT_NE(message.find(std::string("ELBO_FAULT=") + request), std::string::npos) << message;
        }
    }
}

TEST_F(FaultTest, HappensOnceAtItsVisitOfItsPlace) {
    EXPECT_NO_THROW(fault_point("step"));
    arm_fault(parse_fault("throw@step:3"));
    EXPECT_NO_THROW(fault_point("step"));
    EXPECT_NO_THROW(fault_point("steps"));
    EXPECT_NO_THROW(fault_point("step"));
    try {
        fault_point("step");
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "fault injected at step (ELBO_FAULT)");
        EXPECT_EQ(error.status(), Exit::failure);
    }
    EXPECT_NO_THROW(fault_point("step"));
}

TEST_F(FaultTest, HappensToItsRankAlone) {
    set_fault_rank(1);
    arm_fault(parse_fault("throw@step/2"));
    EXPECT_NO_THROW(fault_point("step"));
    arm_fault(parse_fault("throw@step/1"));
    EXPECT_THROW(fault_point("step"), Error);
}

TEST_F(FaultTest, KillsStopsAndExits) {
    pid_t child = 0;
    const auto run = [&](const char* request) {
        return outcome_of(child, [&] {
            arm_fault(parse_fault(request));
            fault_point("here");
        });
    };
    const int killed = run("kill@here");
    EXPECT_TRUE(WIFSIGNALED(killed) && WTERMSIG(killed) == SIGKILL) << killed;
    const int ended = run("exit@here");
    EXPECT_TRUE(WIFEXITED(ended) && WEXITSTATUS(ended) == 1) << ended;

    int stopped = run("stop@here");
    ASSERT_TRUE(WIFSTOPPED(stopped) && WSTOPSIG(stopped) == SIGSTOP) << stopped;
    kill(child, SIGCONT);
    waitpid(child, &stopped, 0);
    EXPECT_TRUE(WIFEXITED(stopped) && WEXITSTATUS(stopped) == 9) << "it goes on after SIGCONT: " << stopped;
}

/// Each process of these tests is started anew (threadsafe style), with ELBO_FAULT in its environment from the start.
class FaultDeathTest : public FaultTest {
protected:
    static constexpr const char* launchers[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID", "PMI_RANK"};
    FaultDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
    ~FaultDeathTest() override {
        for (const char* name : launchers) unsetenv(name);
        unsetenv("ELBO_FAULT");
    }
    static void visit() {
        try {
            require_valid_fault();
            fault_point("here");
            std::fputs("nothing happened", stderr);
        } catch (const InputError& error) {
            std::fputs(error.what(), stderr);
            std::_Exit(2);
        } catch (const Error& error) {
            std::fputs(error.what(), stderr);
            std::_Exit(1);
        }
        std::_Exit(0);
    }
};

TEST_F(FaultDeathTest, TheEnvironmentAtTheStartCounts) {
    setenv("ELBO_FAULT", "throw@here", 1);
    EXPECT_EXIT(visit(), ::testing::ExitedWithCode(1), "fault injected at here");
    setenv("ELBO_FAULT", "throw@there", 1);
    EXPECT_EXIT(visit(), ::testing::ExitedWithCode(0), "nothing happened");
    setenv("ELBO_FAULT", "burn@here", 1);
    EXPECT_EXIT(visit(), ::testing::ExitedWithCode(2), "ELBO_FAULT=burn@here: expected ACTION@PLACE");
    EXPECT_NO_THROW(fault_point("here")) << "it was set after this process started";
}

TEST_F(FaultDeathTest, TheLaunchersRankCountsUntilTheRankIsKnown) {
    for (const char* name : launchers) {
        for (const char* other : launchers) unsetenv(other);
        setenv(name, "2", 1);
        setenv("ELBO_FAULT", "throw@here/2", 1);
        EXPECT_EXIT(visit(), ::testing::ExitedWithCode(1), "fault injected");
        setenv("ELBO_FAULT", "throw@here/0", 1);
        EXPECT_EXIT(visit(), ::testing::ExitedWithCode(0), "nothing happened");
    }
    const auto told = [] {
        set_fault_rank(0);
        visit();
    };
    EXPECT_EXIT(told(), ::testing::ExitedWithCode(1), "fault injected");
}

} // namespace
