#include "report/terminal.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace elbo::report {
namespace {

constexpr std::size_t label_width = 9;

/// What nobody can read any more, since the reader has gone or its disk is full, is no reason to end the work.
void show(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    if (std::fflush(stdout) != 0) std::clearerr(stdout);
}

} // namespace

LiveLine progress(std::string what, double done, double all, std::chrono::steady_clock::time_point began,
                  std::string figures) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
    const double rate = done / std::max(passed.count(), 1e-9);
    return {std::move(what), done / all, std::move(figures), rate, (all - done) / std::max(rate, 1e-9)};
}

Terminal::Terminal(bool speaks, Verbosity verbosity)
    : speaks_(speaks), output_(STDOUT_FILENO), errors_(STDERR_FILENO), verbosity_(verbosity) {}

Terminal::~Terminal() { clear_live(); }

void Terminal::line(const std::string& text) {
    if (verbosity_ != Verbosity::quiet) outcome(text);
}

void Terminal::detail(const std::string& text) {
    if (verbosity_ == Verbosity::verbose) outcome(text);
}

void Terminal::outcome(const std::string& text) { print(output_.fitted(text)); }

void Terminal::print(const std::string& text) {
    if (!speaks_) return;
    clear_live();
    show(text + '\n');
}

void Terminal::warning(const std::string& text) {
    if (!speaks_) return;
    clear_live();
    const std::string begin = "elbo: warning:";
    const std::string all = errors_.fitted(begin + " " + text);
    std::fputs((errors_.painted(begin, Colour::yellow) + all.substr(begin.size()) + '\n').c_str(), stderr);
}

void Terminal::field(const std::string& label, const std::string& text) {
    const std::string begin = fmt::format("{:<{}}", label, label_width);
    if (!output_.is_terminal()) return line(begin + text);
    line(begin + wrapped(text, label_width, columns()).substr(label_width));
}

void Terminal::paragraph(const std::string& text, std::size_t indent) { line(wrapped(text, indent, columns())); }

void Terminal::epoch(const EpochLine& line) {
    if (verbosity_ == Verbosity::quiet) return;
    const EpochTable table(line.epochs, columns());
    if (table_ != table) print(table.header());
    table_ = table;
    const EpochTable::Row row = table.row(line);
    print(row.before + output_.painted(row.validation, line.best ? Colour::green : Colour::none) + row.after);
    if (line.weighted)
        this->line(fmt::format("{:>8} validation L_{} {:.2f}, {:.2f} above the ELBO", "", line.weighted->first,
                               line.weighted->second, line.weighted->second - line.validation_elbo.value_or(0)));
}

bool Terminal::wants_live() const {
    return speaks_ && output_.can_rewrite() && verbosity_ != Verbosity::quiet &&
           std::chrono::steady_clock::now() - last_live_ >= std::chrono::milliseconds(250);
}

void Terminal::live(const LiveLine& line) {
    if (!wants_live()) return;
    last_live_ = std::chrono::steady_clock::now();
    live_shown_ = true;
    const auto rate = static_cast<std::uint64_t>(std::llround(line.rate));
    const std::string parts[] = {line.figures.empty() ? "" : "  " + line.figures,
                                 line.rate > 0 ? fmt::format("  {}/s", with_commas(rate)) : "",
                                 line.rate > 0 ? fmt::format("  {} left", human_duration(line.seconds_left)) : ""};
    const std::size_t room = columns() - 1; // in the last column some terminals begin another line
    std::string text = fmt::format("{} {:>3.0f} %", line.what, 100 * line.fraction).substr(0, room);
    for (const std::string& part : parts)
        if (text.size() + part.size() <= room) text += part;
    show("\r\x1b[K" + text);
}

void Terminal::clear_live() {
    if (!live_shown_) return;
    show("\r\x1b[K");
    live_shown_ = false;
}

} // namespace elbo::report
