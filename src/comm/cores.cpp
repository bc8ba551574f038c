#include "comm/cores.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

namespace elbo::comm {
namespace {

std::vector<int> affinity() {
    // The kernel refuses a set smaller than its own, whose size it does not say.
    for (int count = CPU_SETSIZE; count <= 1 << 20; count *= 2) {
        const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(count), [](cpu_set_t* p) { CPU_FREE(p); });
        const std::size_t bytes = CPU_ALLOC_SIZE(count);
        if (!set) break;
        if (sched_getaffinity(0, bytes, set.get()) != 0) {
            if (errno == EINVAL) continue;
            break;
        }
        std::vector<int> cores;
        for (int core = 0; core < count; ++core)
            if (CPU_ISSET_S(core, bytes, set.get())) cores.push_back(core);
        return cores;
    }
    return {0};
}

/// Sets the quota of the tightest cgroup (version 2) around this process.
void find_quota(CoreLimits& limits) {
    std::ifstream file("/proc/self/cgroup");
    std::string path;
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::/")) path = line.substr(3);
    if (path.empty() || path.find("..") != std::string::npos) return;
    if (path == "/") path.clear();
    for (;; path.resize(path.rfind('/'))) {
        const std::string folder = "/sys/fs/cgroup" + path;
        std::ifstream quota_file(folder + "/cpu.max");
        double time = 0, period = 0;
        struct stat about {};
        if (quota_file >> time >> period && period > 0 && stat(folder.c_str(), &about) == 0)
            if (const double quota = time / period; !limits.quota || quota < *limits.quota) {
                limits.quota = quota;
                limits.quota_of = fmt::format("{}:{}", about.st_dev, about.st_ino); // paths differ by namespace
            }
        if (path.empty()) return;
    }
}

std::string text_of(const CoreLimits& limits) {
    return fmt::format("{} {} {}", limits.quota.value_or(0), limits.quota ? limits.quota_of : "-",
                       fmt::join(limits.cores, " "));
}

CoreLimits limits_of(const std::string& text) {
    std::istringstream words(text);
    CoreLimits limits;
    double quota = 0;
    words >> quota >> limits.quota_of;
    if (quota > 0) limits.quota = quota;
    for (int core = 0; words >> core;) limits.cores.push_back(core);
    return limits;
}

/// Gives every thread a core of its own, by augmenting paths (Kuhn 1955). Where that is impossible, the ranks and cores
/// on the paths tried in vain are those that stand in each other's way (Hall 1935).
class Matching {
public:
    explicit Matching(const std::vector<CoreLimits>& ranks) : ranks_(ranks) {}

    bool add_thread(std::size_t rank) {
        tried_.clear();
        blocked_ = {static_cast<int>(rank)};
        return place(rank);
    }
    std::vector<int> blocked_ranks() const { return {blocked_.begin(), blocked_.end()}; }
    std::vector<int> blocked_cores() const { return {tried_.begin(), tried_.end()}; }

private:
    bool place(std::size_t rank) {
        for (const int core : ranks_[rank].cores) {
            if (!tried_.insert(core).second) continue;
            const auto owner = owners_.find(core);
            if (owner != owners_.end()) {
                blocked_.insert(static_cast<int>(owner->second));
                if (!place(owner->second)) continue;
            }
            owners_[core] = rank;
            return true;
        }
        return false;
    }

    const std::vector<CoreLimits>& ranks_;
    std::map<int, std::size_t> owners_;
    std::set<int> tried_, blocked_;
};

void find_shared_core(const std::vector<CoreLimits>& ranks, Cores& cores) {
    Matching matching(ranks);
    for (std::size_t rank = 0; rank < ranks.size(); ++rank)
        for (int thread = 0; thread < cores.threads; ++thread) {
            if (matching.add_thread(rank)) continue;
            cores.shared_core = true;
            cores.sharing = matching.blocked_ranks();
            cores.shared_cores = matching.blocked_cores();
            return;
        }
}

std::string counted(std::size_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// The first few, and how many more.
std::string some_of(const std::vector<int>& numbers) {
    constexpr std::size_t shown = 8;
    const std::size_t count = std::min(shown, numbers.size());
    std::string text = fmt::format("{}", fmt::join(numbers.begin(), numbers.begin() + count, ", "));
    if (numbers.size() > count) text += fmt::format(" and {} more", numbers.size() - count);
    return text;
}

} // namespace

CoreLimits core_limits() {
    CoreLimits limits{affinity(), std::nullopt, {}};
    find_quota(limits);
    return limits;
}

Cores weigh_cores(const std::string& host, const std::vector<CoreLimits>& ranks, int threads) {
    Cores cores;
    cores.host = host;
    cores.ranks = static_cast<int>(ranks.size());
    cores.threads = threads;
    std::set<int> all;
    for (const CoreLimits& rank : ranks) all.insert(rank.cores.begin(), rank.cores.end());
    cores.union_of_node = static_cast<int>(all.size());
    if (std::all_of(ranks.begin(), ranks.end(),
                    [&](const CoreLimits& rank) { return rank.quota && rank.quota_of == ranks.front().quota_of; }))
        cores.quota = ranks.front().quota;
    const int wanted = cores.ranks * threads;
    cores.crowded = wanted > cores.union_of_node || (cores.quota && wanted > *cores.quota);
    if (wanted <= cores.union_of_node) find_shared_core(ranks, cores);
    return cores;
}

Cores cores_of_node(const Communicator& node, int threads) {
    std::vector<CoreLimits> ranks;
    for (const std::string& text : node.gather(text_of(core_limits()))) ranks.push_back(limits_of(text));
    return weigh_cores(node.host(), ranks, threads);
}

std::string warning_text(const Cores& cores) {
    const std::string each = cores.threads > 1 ? fmt::format(" of {} threads", cores.threads) : "";
    const std::string ranks = counted(static_cast<std::size_t>(cores.ranks), "rank") + each;
    const char* const verb = cores.ranks == 1 ? "has" : "share";
    const char* const fewer = cores.threads > 1 ? "fewer ranks a host or fewer training.threads" : "fewer ranks a host";
    if (cores.ranks * cores.threads > cores.union_of_node)
        return fmt::format("{} {} {} on {}: every step waits for ranks whose turn has not come; start {}, or ask for "
                           "more cores (Slurm: --cpus-per-task)",
                           ranks, verb, counted(static_cast<std::size_t>(cores.union_of_node), "core"), cores.host,
                           fewer);
    if (cores.crowded)
        return fmt::format("{} {} the time of {:.4g} cores on {}, of {} that they see (a quota of the container or "
                           "job, cpu.max): every step waits for ranks that are held back; start {}, or raise the quota",
                           ranks, verb, *cores.quota, cores.host, cores.union_of_node, fewer);
    if (cores.shared_core)
        return fmt::format("{}{} (of the node: {}) {} bound to {} of {} on {} (number {}): bind each rank to cores of "
                           "its own (mpirun --bind-to core{}, Slurm: --cpu-bind=cores) or to none (--bind-to none)",
                           counted(cores.sharing.size(), "rank"), each, some_of(cores.sharing),
                           cores.sharing.size() == 1 ? "is" : "are", counted(cores.shared_cores.size(), "core"),
                           cores.union_of_node, cores.host, some_of(cores.shared_cores),
                           cores.threads > 1 ? fmt::format(" --map-by slot:PE={}", cores.threads) : "");
    return {};
}

} // namespace elbo::comm
