// Signals that ask for an early end, and the clock of training.time_limit.
#include "training/stop.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace elbo;
using namespace std::chrono_literals;

TEST(StopSignals, TheFirstIsARequestWhicheverItIs) {
    for (const auto& [signal, name] : {std::pair{SIGUSR1, "SIGUSR1"}, {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}}) {
        const training::StopSignals signals;
        EXPECT_FALSE(training::StopSignals::asked());
        raise(signal);
        EXPECT_TRUE(training::StopSignals::asked());
        raise(SIGUSR1); // at once: the same request by another way
        EXPECT_EQ(training::StopSignals::name(), name);
    }
}

TEST(StopSignals, NoOtherInterruptsItsHandler) {
    const training::StopSignals signals;
    for (const int signal : {SIGUSR1, SIGTERM, SIGINT}) {
        struct sigaction now {};
        ASSERT_EQ(sigaction(signal, nullptr, &now), 0);
        for (const int other : {SIGUSR1, SIGTERM, SIGINT}) EXPECT_EQ(sigismember(&now.sa_mask, other), 1);
    }
}

TEST(StopSignals, TwoAtOnceOnTwoThreadsAreOneRequest) {
    const pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 500; ++i) {
            const training::StopSignals signals;
            std::atomic<int> ready{0};
            const auto send = [&ready](int signal) {
                ++ready;
                while (ready < 2) std::this_thread::yield();
                raise(signal);
            };
            std::thread other(send, SIGUSR1);
            send(SIGTERM);
            other.join();
            if (!training::StopSignals::asked()) _exit(1);
        }
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "128 + signal: the second was taken for one half a second later";
}

TEST(StopSignals, ASecondOneLaterEndsTheProcessAtOnce) {
    const pid_t child = fork();
    if (child == 0) {
        const training::StopSignals signals;
        raise(SIGTERM);
        std::this_thread::sleep_for(600ms);
        raise(SIGTERM);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
}

TEST(StopSignals, WhatWasThereBeforeComesBack) {
    const auto own = [](int) {};
    std::signal(SIGUSR1, own);
    { const training::StopSignals signals; }
    EXPECT_EQ(std::signal(SIGUSR1, SIG_DFL), static_cast<void (*)(int)>(own));
}

TEST(TimeLimit, LeavesTimeForAStepASaveAndTheEnd) {
    const auto began = training::TimeLimit::Clock::now();
    training::TimeLimit limit(100, began);
    EXPECT_FALSE(limit.is_up(10, began + 10s));
    EXPECT_FALSE(limit.is_up(10, began + 15s)); // a boundary every 5 s
    EXPECT_FALSE(limit.is_up(10, began + 20s));
    for (int second = 25; second <= 75; second += 5) EXPECT_FALSE(limit.is_up(10, began + second * 1s)) << second;
    // 80 + 5 + 1.5 * 10 + 2 >= 100
    EXPECT_TRUE(limit.is_up(10, began + 80s));
}

TEST(TimeLimit, KnowsThatAnEpochsEndTakesLonger) {
    const auto began = training::TimeLimit::Clock::now();
    training::TimeLimit limit(100, began);
    EXPECT_FALSE(limit.is_up(0, began + 1s));
    EXPECT_FALSE(limit.is_up(0, began + 31s));
    EXPECT_FALSE(limit.is_up(0, began + 32s));
    EXPECT_TRUE(limit.is_up(0, began + 69s));
}

TEST(TimeLimit, NoneIsNeverUp) {
    training::TimeLimit limit(std::nullopt, training::TimeLimit::Clock::now() - 1000h);
    EXPECT_FALSE(limit.is_up(1e9));
}

} // namespace
