// The handler does what is allowed in one: it looks at a clock, stores, and ends the process where it is asked twice.
#include "training/stop.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <ctime>
#include <unistd.h>

namespace elbo::training {
namespace {

constexpr std::array signals = {SIGUSR1, SIGTERM, SIGINT};
constexpr std::int64_t same_request = 500'000'000; // nanoseconds

/// What a process's end takes after the last save: other ranks, MPI, the launcher.
constexpr double end_seconds = 2;
/// Disks are shared: the next save may take longer than those before.
constexpr double save_margin = 1.5;

std::atomic<int> first_signal{0};
std::atomic<std::int64_t> asked_at{0}; // 0: not yet
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free);

std::array<struct sigaction, signals.size()> before;

std::int64_t nanoseconds() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

extern "C" void on_signal(int signal) {
    const std::int64_t now = nanoseconds();
    std::int64_t asked = 0;
    if (asked_at.compare_exchange_strong(asked, now)) // asked() tells of it once its number is stored
        first_signal = signal;
    else if (now - asked >= same_request)
        _exit(128 + signal);
}

} // namespace

StopSignals::StopSignals() {
    first_signal = 0;
    asked_at = 0;
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &action, &before[i]);
}

StopSignals::~StopSignals() {
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &before[i], nullptr);
}

bool StopSignals::asked() { return first_signal.load(std::memory_order_relaxed) != 0; }

std::string StopSignals::name() {
    switch (first_signal) {
    case 0:
        return "";
    case SIGUSR1:
        return "SIGUSR1";
    case SIGTERM:
        return "SIGTERM";
    default:
        return "SIGINT";
    }
}

bool TimeLimit::is_up(double save_seconds, Clock::time_point now) {
    if (!seconds_) return false;
    const auto seconds = [](Clock::duration duration) { return std::chrono::duration<double>(duration).count(); };
    if (boundary_) longest_ = std::max(longest_, seconds(now - *boundary_));
    boundary_ = now;
    return seconds(now - began_) + longest_ + save_margin * save_seconds + end_seconds >= *seconds_;
}

} // namespace elbo::training
