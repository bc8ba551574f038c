#include "base/process.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace elbo {

std::optional<ProcessStat> read_process(std::int64_t process) {
    std::ifstream file(fmt::format("/proc/{}/stat", process));
    return parse_process({std::istreambuf_iterator<char>(file), {}});
}

std::optional<ProcessStat> parse_process(const std::string& text) {
    // The program's name, in brackets, may hold anything, brackets and blanks too.
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(text.substr(name_end + 1));
    const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
    constexpr std::size_t state = 0, started = 19; // fields 3 and 22 of the whole line
    if (fields.size() <= started || fields[state].size() != 1) return std::nullopt;
    ProcessStat stat{fields[state].front(), 0};
    if (!(std::istringstream(fields[started]) >> stat.started)) return std::nullopt;
    return stat;
}

} // namespace elbo
