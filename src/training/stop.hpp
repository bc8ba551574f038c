// Ending early: signals that ask for it, and the time limit. Asking is one rank's; stopping is agreed by all.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace elbo::training {

/// While it lives, the first SIGUSR1, SIGTERM or SIGINT of this process is a request to save and stop. A second, half a
/// second later or more, ends the process at once: launchers may send one request by two ways.
class StopSignals {
public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    static bool asked();
    /// "SIGTERM"; empty where nothing was asked.
    static std::string name();
};

/// Tells when it is time to save and stop, so that all is over before the limit.
class TimeLimit {
public:
    using Clock = std::chrono::steady_clock;
    /// seconds: from `began` on; unset: no limit.
    TimeLimit(std::optional<double> seconds, Clock::time_point began) : seconds_(seconds), began_(began) {}

    /// At every step boundary. save_seconds: what a save is expected to take. True where the time until the next
    /// boundary (as long as the longest so far), a save and the program's end would no longer fit.
    bool is_up(double save_seconds, Clock::time_point now = Clock::now());

private:
    std::optional<double> seconds_;
    Clock::time_point began_;
    std::optional<Clock::time_point> boundary_; ///< the last
    double longest_ = 0;                        ///< seconds between two boundaries
};

} // namespace elbo::training
