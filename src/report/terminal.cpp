#include "report/terminal.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace elbo::report {

namespace {

/// Open MPI gives its ranks a pseudo-terminal for standard output wherever its own goes: what counts is its own.
bool output_is_terminal() {
    if (isatty(STDOUT_FILENO) != 1) return false;
    if (!std::getenv("OMPI_COMM_WORLD_SIZE")) return true;
    std::error_code none;
    const std::string output = std::filesystem::read_symlink(fmt::format("/proc/{}/fd/1", getppid()), none).string();
    return output.starts_with("/dev/pts/") || output.starts_with("/dev/tty");
}

} // namespace

LiveLine progress(std::string what, double done, double all, std::chrono::steady_clock::time_point began,
                  std::string figures) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
    const double rate = done / std::max(passed.count(), 1e-9);
    return {std::move(what), done / all, std::move(figures), rate, (all - done) / std::max(rate, 1e-9)};
}

Terminal::Terminal(bool speaks, Verbosity verbosity)
    : speaks_(speaks), is_terminal_(output_is_terminal()), verbosity_(verbosity) {}

Terminal::~Terminal() { clear_live(); }

void Terminal::line(const std::string& text) {
    if (verbosity_ != Verbosity::quiet) outcome(text);
}

void Terminal::detail(const std::string& text) {
    if (verbosity_ == Verbosity::verbose) outcome(text);
}

void Terminal::outcome(const std::string& text) {
    if (!speaks_) return;
    clear_live();
    fmt::print("{}\n", text);
    std::fflush(stdout);
}

void Terminal::warning(const std::string& text) {
    if (!speaks_) return;
    clear_live();
    fmt::print(stderr, "elbo: warning: {}\n", text);
}

void Terminal::epoch(const EpochLine& line) {
    if (!header_shown_) this->line("   epoch      ELBO  reconstruction        KL  validation  samples/s  time left");
    header_shown_ = true;
    const std::string validation =
        line.validation_elbo ? fmt::format("{:.2f}{}", *line.validation_elbo, line.best ? "*" : " ") : "- ";
    this->line(fmt::format("{:>8} {:>9.2f} {:>15.2f} {:>9.2f} {:>12} {:>9}  {}",
                           fmt::format("{}/{}", line.epoch, line.epochs), line.reconstruction - line.kl,
                           line.reconstruction, line.kl, validation,
                           with_commas(static_cast<std::uint64_t>(std::llround(line.samples_per_second))),
                           line.epoch == line.epochs ? "-" : human_duration(line.seconds_left)));
    if (line.weighted)
        this->line(fmt::format("{:>8} validation L_{} {:.2f}, {:.2f} above the ELBO", "", line.weighted->first,
                               line.weighted->second, line.weighted->second - line.validation_elbo.value_or(0)));
}

bool Terminal::wants_live() const {
    return speaks_ && is_terminal_ && verbosity_ != Verbosity::quiet &&
           std::chrono::steady_clock::now() - last_live_ >= std::chrono::milliseconds(250);
}

void Terminal::live(const LiveLine& line) {
    if (!wants_live()) return;
    last_live_ = std::chrono::steady_clock::now();
    live_shown_ = true;
    const std::string text = fmt::format("{} {:>3.0f} %  {}  {}/s  {} left", line.what, 100 * line.fraction,
                                         line.figures, with_commas(static_cast<std::uint64_t>(std::llround(line.rate))),
                                         human_duration(line.seconds_left));
    fmt::print("\r\x1b[K{}", text.substr(0, 79));
    std::fflush(stdout);
}

void Terminal::clear_live() {
    if (!live_shown_) return;
    fmt::print("\r\x1b[K");
    std::fflush(stdout);
    live_shown_ = false;
}

} // namespace elbo::report
