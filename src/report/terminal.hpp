// What rank 0 shows on the terminal: plain lines, and a live line that only a terminal gets.
#pragma once

#include "report/epoch_table.hpp"
#include "report/records.hpp"
#include "report/screen.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace elbo::report {

enum class Verbosity { quiet, normal, verbose };

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
/// A terminal gets lines that fit it, and colours where it knows them.
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
    /// "label    text", which goes on below itself where it is longer than a terminal is wide.
    void field(const std::string& label, const std::string& text);
    /// Of text that is not broken into lines yet, indented.
    void paragraph(const std::string& text, std::size_t indent);
    void epoch(const EpochLine& line);

    /// Of the terminal; 80 where it is none.
    std::size_t columns() const { return output_.columns(); }

    /// True where a live line would be shown now: on a terminal, and not more often than four times a second.
    bool wants_live() const;
    void live(const LiveLine& line);

private:
    void clear_live();
    void print(const std::string& text);

    bool speaks_, live_shown_ = false;
    Screen output_, errors_;
    Verbosity verbosity_;
    std::optional<EpochTable> table_; ///< whose header stands above
    std::chrono::steady_clock::time_point last_live_{};
};

} // namespace elbo::report
