// What rank 0 shows on the terminal: plain lines, and a live line that only a terminal gets.
#pragma once

#include "report/records.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace elbo::report {

enum class Verbosity { quiet, normal, verbose };

/// An epoch's line. Means in nats a sample.
struct EpochLine {
    std::uint64_t epoch = 0, epochs = 0;
    double reconstruction = 0, kl = 0;
    std::optional<double> validation_elbo;
    bool best = false;
    double samples_per_second = 0, seconds_left = 0;
    std::optional<std::pair<std::uint64_t, double>> weighted; ///< draws K and the bound L_K of validation data
};

/// How far work is, for the live line.
struct LiveLine {
    std::string what;    ///< "epoch 3/20"
    double fraction = 0; ///< done of it, 0 to 1
    std::string figures; ///< "ELBO -104.21"
    double rate = 0;     ///< samples (or rows) a second
    double seconds_left = 0;
};

/// Work of which `done` of `all` is behind it, and that goes on as fast as since it began.
LiveLine progress(std::string what, double done, double all, std::chrono::steady_clock::time_point began,
                  std::string figures = "");

/// Writes to standard output; errors and warnings go to standard error. Silent where `speaks` is false (ranks but 0).
class Terminal {
public:
    Terminal(bool speaks, Verbosity verbosity);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    void line(const std::string& text);    ///< normal and verbose
    void detail(const std::string& text);  ///< verbose alone
    void outcome(const std::string& text); ///< quiet too: how it ended
    void warning(const std::string& text);
    void epoch(const EpochLine& line);

    /// True where a live line would be shown now: on a terminal, and not more often than four times a second.
    bool wants_live() const;
    void live(const LiveLine& line);

private:
    void clear_live();

    bool speaks_, is_terminal_, live_shown_ = false, header_shown_ = false;
    Verbosity verbosity_;
    std::chrono::steady_clock::time_point last_live_{};
};

} // namespace elbo::report
