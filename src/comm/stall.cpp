#include "comm/stall.hpp"

#include "base/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace elbo::comm {
namespace {

constexpr std::size_t most_listed = 8;

std::string_view words_for(Life life) {
    switch (life) {
    case Life::running:
        return "";
    case Life::on_disk:
        return ", the process waits for a disk or a network's file system";
    case Life::stopped:
        return ", the process is stopped (SIGSTOP?)";
    case Life::traced:
        return ", the process is held by a debugger";
    case Life::gone:
        return ", the process is gone";
    case Life::silent:
        return ", the process gives no sign of life";
    }
    return "";
}

std::string line_for(const Member& member) {
    if (member.process == 0) return fmt::format("rank {} has not come yet", member.rank);
    if (member.phase == Phase::ended)
        return fmt::format("rank {} (process {}) has ended its training", member.rank, member.process);
    return fmt::format("rank {} (process {}) has not arrived: in {}{}", member.rank, member.process,
                       name_of(member.phase), words_for(member.life));
}

/// The first few texts, and how many more there are.
std::string listed(const std::vector<std::string>& texts, const char* separator) {
    const std::size_t count = std::min(most_listed, texts.size());
    std::string text =
        fmt::format("{}", fmt::join(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(count), separator));
    if (texts.size() > count) text += fmt::format(" and {} more", texts.size() - count);
    return text;
}

std::string waiting_message(const Stalled& stalled) {
    const std::size_t count = stalled.members.size();
    if (!stalled.alone) {
        const std::string who = count == 1 ? fmt::format("rank {} waits", stalled.members.front().rank)
                                           : fmt::format("all {} ranks of {} wait", count, stalled.host);
        const bool same_host = stalled.others.size() == 1 && stalled.others.front() == stalled.host;
        return fmt::format("{} for {}: {}", who, same_host ? "other ranks on the same host" : "other nodes",
                           listed(stalled.others, ", "));
    }
    std::vector<std::string> where;
    for (const Member& member : stalled.members)
        where.push_back(fmt::format("rank {} (process {}) in {}", member.rank, member.process, name_of(member.phase)));
    return (count == 1 ? "" : "all ranks wait for each other: ") + listed(where, ", ");
}

} // namespace

Life life_of(const ProcessStat& stat) {
    switch (stat.state) {
    case 'D':
        return Life::on_disk;
    case 'T':
        return Life::stopped;
    case 't':
        return Life::traced;
    case 'Z':
    case 'X':
    case 'x':
        return Life::gone;
    default:
        return Life::running;
    }
}

bool Member::missing() const { return !waits(phase) || (life != Life::running && life != Life::on_disk); }

std::string stall_message(const Stalled& stalled) {
    std::vector<std::string> missing, ended;
    for (const Member& member : stalled.members) {
        if (!member.missing()) continue;
        (member.phase == Phase::ended ? ended : missing).push_back(line_for(member));
    }
    if (missing.empty()) missing = ended; // otherwise they have merely finished first
    return fmt::format("host {}: no progress for {} in step {}: {}", stalled.host, human_duration(stalled.seconds),
                       with_commas(stalled.step), missing.empty() ? waiting_message(stalled) : listed(missing, "; "));
}

} // namespace elbo::comm
