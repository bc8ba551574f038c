#include "comm/free_memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace elbo::comm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

std::size_t number_in(const fs::path& file) {
    std::size_t number = 0;
    return std::ifstream(file) >> number ? number : unknown; // "max" is none
}

/// Of a cgroup's memory: the page cache that it holds could be given back.
std::size_t reclaimable(const fs::path& statistics) {
    std::ifstream file(statistics);
    std::size_t sum = 0, bytes = 0;
    for (std::string word; file >> word >> bytes;)
        if (word == "inactive_file" || word == "active_file") sum += bytes;
    return sum;
}

std::size_t system_memory() {
    std::ifstream file("/proc/meminfo");
    for (std::string word; file >> word;)
        if (std::size_t kibibytes = 0; word == "MemAvailable:" && file >> kibibytes) return kibibytes * 1024;
    return unknown;
}

fs::path own_cgroup() {
    std::ifstream file("/proc/self/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::/")) return line.substr(4);
    return {};
}

} // namespace

std::size_t room_in_cgroup(const fs::path& root, const fs::path& path) {
    std::size_t room = unknown;
    fs::path folder = root;
    const auto look = [&] {
        const std::size_t limit = number_in(folder / "memory.max"), used = number_in(folder / "memory.current");
        if (limit == unknown || used == unknown) return;
        const std::size_t held = used - std::min(used, reclaimable(folder / "memory.stat"));
        room = std::min(room, limit - std::min(limit, held));
    };
    look();
    for (const fs::path& part : path) {
        folder /= part;
        look();
    }
    return room;
}

std::size_t free_memory() { return std::min(system_memory(), room_in_cgroup("/sys/fs/cgroup", own_cgroup())); }

} // namespace elbo::comm
