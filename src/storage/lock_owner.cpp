// Owners of locks: Linux's /proc tells which process it is, in which container, since which start of the host.
#include "storage/lock_owner.hpp"

#include "base/process.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>
#include <type_traits>
#include <unistd.h>

namespace elbo::storage {

namespace {

constexpr std::string_view title = "elbo lock";

std::string first_word_of(const std::string& file) {
    std::ifstream stream(file);
    std::string word;
    stream >> word;
    return word;
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    std::string text = value == nullptr ? "" : value;
    // A line of the lock file each.
    std::erase_if(text, [](unsigned char c) { return c <= ' '; });
    return text;
}

std::int64_t number_of(std::string_view text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string random_token() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

/// Calls visit(key, member) for every line: the one list that writing and reading share.
template <class Owner, class Visit>
void for_each_line(Owner& owner, Visit&& visit) {
    visit("host", owner.host);
    visit("boot", owner.boot);
    visit("namespace", owner.pid_namespace);
    visit("process", owner.process);
    visit("started", owner.started);
    visit("job", owner.job);
    visit("restarts", owner.job_restarts);
    visit("since", owner.since);
    visit("token", owner.token);
}

} // namespace

LockOwner this_process() {
    LockOwner owner;
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    owner.host = host.data();
    owner.boot = first_word_of("/proc/sys/kernel/random/boot_id");
    std::error_code ignored;
    owner.pid_namespace = std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
    owner.process = ::getpid();
    if (const std::optional<ProcessStat> stat = read_process(owner.process))
        owner.started = fmt::to_string(stat->started);
    owner.job = variable("SLURM_JOB_ID");
    owner.job_restarts = number_of(variable("SLURM_RESTART_COUNT"));
    owner.since = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
    owner.token = random_token();
    return owner;
}

std::string to_text(const LockOwner& owner) {
    std::string text = fmt::format("{}\n", title);
    for_each_line(owner, [&](const char* key, const auto& value) { text += fmt::format("{} {}\n", key, value); });
    return text;
}

LockOwner parse_owner(std::string_view text) {
    LockOwner owner;
    std::istringstream lines{std::string(text)};
    std::string line;
    if (!std::getline(lines, line) || line != title) return owner;
    while (std::getline(lines, line)) {
        // The token comes last: with a newline behind it, the file is whole.
        if (lines.eof()) break;
        const std::size_t blank = line.find(' ');
        if (blank == std::string::npos) continue;
        const std::string value = line.substr(blank + 1);
        for_each_line(owner, [&](const char* key, auto& member) {
            if (line.compare(0, blank, key) != 0) return;
            if constexpr (std::is_same_v<std::decay_t<decltype(member)>, std::string>)
                member = value;
            else
                member = number_of(value);
        });
    }
    return owner;
}

bool is_gone(const LockOwner& owner, const LockOwner& mine) {
    if (owner.token.empty()) return false;
    if (!owner.job.empty() && owner.job == mine.job && owner.job_restarts < mine.job_restarts) return true;
    const bool same_kernel = !owner.boot.empty() && owner.boot == mine.boot && !owner.pid_namespace.empty() &&
                             owner.pid_namespace == mine.pid_namespace;
    if (!same_kernel || owner.process <= 0 || owner.started.empty()) return false;
    const std::optional<ProcessStat> now = read_process(owner.process);
    // /proc may hide the processes of others (hidepid); signal 0 does not.
    if (!now) return ::kill(static_cast<pid_t>(owner.process), 0) != 0 && errno == ESRCH;
    return now->state == 'Z' || now->state == 'X' || fmt::to_string(now->started) != owner.started;
}

std::string describe(const LockOwner& owner) {
    if (owner.token.empty()) return "its lock does not say who";
    std::string text = fmt::format("process {} on {} since {}", owner.process, owner.host, owner.since);
    if (!owner.job.empty()) text += fmt::format(", Slurm job {}", owner.job);
    return text;
}

} // namespace elbo::storage
