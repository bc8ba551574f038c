// What Linux's /proc tells of a process (man 5 proc).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace elbo {

struct ProcessStat {
    char state = '?';          ///< R, S, D, T, t, Z, X
    std::uint64_t started = 0; ///< clock ticks since the system started: tells a process from a later one of its number
};

/// Nothing where there is no such process, or it cannot be seen.
std::optional<ProcessStat> read_process(std::int64_t process);

/// Takes the text of /proc/PID/stat; nothing where it is not of that form.
std::optional<ProcessStat> parse_process(const std::string& text);

} // namespace elbo
