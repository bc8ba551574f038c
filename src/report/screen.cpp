#include "report/screen.hpp"

#include "base/text.hpp"
#include "storage/posix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

namespace elbo::report {
namespace {

constexpr std::size_t usual_columns = 80, least_columns = 40;

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string_view() : value;
}

/// Open MPI gives its ranks a pseudo-terminal of no size for standard output, and a pipe for standard error, wherever
/// its own go: what counts is its own.
std::string terminal_of(int descriptor) {
    if (!std::getenv("OMPI_COMM_WORLD_SIZE"))
        return isatty(descriptor) == 1 ? fmt::format("/proc/self/fd/{}", descriptor) : "";
    if (descriptor == STDOUT_FILENO && isatty(descriptor) != 1) return "";
    std::string own = fmt::format("/proc/{}/fd/{}", getppid(), descriptor);
    std::error_code none;
    const std::string output = std::filesystem::read_symlink(own, none).string();
    return output.starts_with("/dev/pts/") || output.starts_with("/dev/tty") ? own : "";
}

std::string fitted_line(const std::string& line, std::size_t columns) {
    if (line.size() <= columns) return line;
    const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
    return wrapped(std::string_view(line).substr(begin), begin, columns);
}

} // namespace

Screen::Screen(int descriptor)
    : terminal_(terminal_of(descriptor)),
      dumb_(variable("TERM").empty() || variable("TERM") == "dumb"),
      coloured_(variable("NO_COLOR").empty()) {}

std::size_t Screen::columns() const {
    if (!is_terminal()) return usual_columns;
    const storage::Descriptor terminal(::open(terminal_.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    winsize size{};
    if (!terminal || ::ioctl(terminal.get(), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_columns;
    return std::max<std::size_t>(size.ws_col, least_columns);
}

std::string Screen::painted(const std::string& text, Colour colour) const {
    if (!has_colours() || colour == Colour::none) return text;
    return fmt::format("\x1b[1;{}m{}\x1b[0m", colour == Colour::green ? 32 : 33, text);
}

std::string Screen::fitted(const std::string& text) const {
    if (!is_terminal()) return text;
    const std::size_t most = columns();
    std::string all;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        all += (begin == 0 ? "" : "\n") + fitted_line(text.substr(begin, end - begin), most);
        begin = end + 1;
    }
    return all;
}

} // namespace elbo::report
