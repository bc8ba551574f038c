// Threads of elbo's own: which signals they take, and what is said where the system starts none.
#include "base/error.hpp"
#include "base/thread.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace elbo;

sigset_t signals_blocked() {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    return blocked;
}

TEST(Thread, LeavesSignalsToTheMainThreadButTakesItsOwn) {
    sigset_t within;
    start_thread("to be looked at", [&within] { within = signals_blocked(); }).join();
    const sigset_t here = signals_blocked();
    for (const int signal : {SIGUSR1, SIGTERM, SIGINT, SIGHUP}) {
        EXPECT_EQ(sigismember(&within, signal), 1) << signal;
        EXPECT_EQ(sigismember(&here, signal), 0) << signal;
    }
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE}) EXPECT_EQ(sigismember(&within, signal), 0) << signal;
}

/// Of an ordinary user's process that may have no other beside it: root is bound by no such limit.
[[noreturn]] void start_without_room() {
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0)) std::_Exit(2);
    try {
        start_thread("to count sheep", [] {}).join();
    } catch (const Error& error) {
        std::fputs(error.what(), stderr);
        const sigset_t blocked = signals_blocked();
        std::_Exit(sigismember(&blocked, SIGTERM) == 0 ? 1 : 3);
    }
    std::_Exit(0);
}

TEST(Thread, WhereThereCanBeNoneItSaysWhatForAndWhichLimit) {
    EXPECT_EXIT(start_without_room(), ::testing::ExitedWithCode(1),
                "no thread can be started to count sheep: .*ulimit -u.*in the way");
}

} // namespace
