#include "comm/watch.hpp"

#include "base/text.hpp"
#include "base/thread.hpp"
#include "base/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <exception>
#include <limits>
#include <utility>

#include <unistd.h>

namespace elbo::comm {
namespace {

constexpr std::size_t most_reports = 16;

/// Announcements are numbered so that each is made once a node, whoever speaks: ticks of all ranks * 64 + which one of
/// this standstill, a number that only grows.
constexpr std::uint64_t announcements = 64, final_announcement = 62, resumption = 63;

constexpr double never = std::numeric_limits<double>::infinity();

/// After which something happens for the first time.
double limit_of(const WatchSettings& settings) {
    return std::min(settings.stall_seconds > 0 ? settings.stall_seconds : never,
                    settings.abort_seconds.value_or(never));
}

/// Which announcement is due after so long: at 1, 2, 4 ... times the limit; 0: none.
std::uint64_t due(double quiet, double limit) {
    if (quiet < limit) return 0;
    return std::min<std::uint64_t>(1 + static_cast<std::uint64_t>(std::log2(quiet / limit)), final_announcement - 1);
}

Watch::Place place_on(const Nodes& nodes) {
    const std::vector<std::string> hosts = nodes.world().gather(nodes.world().host());
    Watch::Place place{
        nullptr, nodes.ranks(nodes.mine()), static_cast<std::size_t>(nodes.node().rank()), nodes.world().host(), {}};
    for (std::size_t node = 0; node < nodes.count(); ++node)
        if (node != nodes.mine())
            place.other_hosts.push_back(hosts[static_cast<std::size_t>(nodes.ranks(node).front())]);
    return place;
}

void print_line(const std::string& text) { complain(text); }

} // namespace

std::size_t Watch::board_bytes(std::size_t ranks) { return sizeof(Head) + ranks * sizeof(Line); }

Watch::Watch(const Nodes& nodes, const WatchSettings& settings, OnStall on_stall)
    : place_(place_on(nodes)),
      settings_(settings),
      on_stall_(std::move(on_stall)),
      limit_(limit_of(settings)),
      interval_(std::min(1.0, limit_ / 4)) {
    memory_ = std::make_unique<NodeMemory>(nodes, board_bytes(place_.ranks.size()), "the watchdog's board");
    place_.board = memory_->data();
    sit_down();
    nodes.world().barrier(); // all can be seen from the first look on
    try {
        nodes.world().together([this] { start(); });
    } catch (...) {
        stop(); // it may have started here, and failed to elsewhere
        throw;
    }
}

Watch::Watch(Place place, const WatchSettings& settings, OnStall on_stall)
    : place_(std::move(place)),
      settings_(settings),
      on_stall_(std::move(on_stall)),
      limit_(limit_of(settings)),
      interval_(std::min(1.0, limit_ / 4)) {
    sit_down();
    start();
}

Watch::~Watch() {
    stop();
    line_->phase.store(static_cast<std::uint32_t>(Phase::ended), std::memory_order_relaxed);
    line_->ticks.store(++ticks_, std::memory_order_release);
}

void Watch::sit_down() {
    head_ = reinterpret_cast<Head*>(place_.board);
    lines_ = reinterpret_cast<Line*>(place_.board + sizeof(Head));
    line_ = lines_ + place_.me;
    views_.resize(place_.ranks.size());
    const int process = getpid();
    line_->started.store(read_process(process).value_or(ProcessStat{}).started, std::memory_order_relaxed);
    line_->process.store(process, std::memory_order_release);
}

void Watch::start() {
    if (limit_ == never) return;
    thread_ = start_thread("to watch for stalls", [this] { run(); });
}

void Watch::stop() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::uint64_t Watch::stalls() const { return head_->stalls.load(std::memory_order_relaxed); }

std::optional<std::string> Watch::take_report() {
    const std::lock_guard lock(mutex_);
    if (reports_.empty()) return std::nullopt;
    std::string report = std::move(reports_.front());
    reports_.pop_front();
    return report;
}

void Watch::run() {
    using Clock = std::chrono::steady_clock;
    const std::chrono::duration<double> interval(interval_);
    progress_ = see_others(0);
    for (Clock::time_point last = Clock::now();;) {
        {
            std::unique_lock lock(mutex_);
            if (wake_.wait_for(lock, interval, [this] { return ending_; })) return;
        }
        const Clock::time_point now = Clock::now();
        // Only time awake counts: a job that was suspended for hours has not stalled for hours.
        look(std::min(std::chrono::duration<double>(now - last).count(), 2 * interval_));
        last = now;
    }
}

void Watch::look(double awake) {
    line_->heartbeats.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t progress = see_others(awake);
    if (progress != progress_) {
        went_on();
        progress_ = progress;
        quiet_ = 0;
        return;
    }
    quiet_ += awake;
    if (settings_.abort_seconds && quiet_ >= *settings_.abort_seconds)
        end();
    else if (settings_.stall_seconds > 0 && quiet_ >= settings_.stall_seconds && speaks())
        tell();
}

/// Refreshes what is known of the node's ranks; the ticks of all of them.
std::uint64_t Watch::see_others(double awake) {
    std::uint64_t progress = 0;
    for (std::size_t local = 0; local < views_.size(); ++local) {
        progress += lines_[local].ticks.load(std::memory_order_acquire);
        View& view = views_[local];
        const std::uint64_t heartbeats = lines_[local].heartbeats.load(std::memory_order_relaxed);
        view.silent = heartbeats == std::exchange(view.heartbeats, heartbeats) ? view.silent + awake : 0;
        const int process = lines_[local].process.load(std::memory_order_acquire);
        if (view.visible || process == 0) continue;
        const std::optional<ProcessStat> stat = read_process(process);
        view.visible = stat && stat->started == lines_[local].started.load(std::memory_order_relaxed);
    }
    return progress;
}

/// Who froze, died or ended with the last step of all is known to be silent in time for the first announcement.
bool Watch::silent(std::size_t local) const { return views_[local].silent >= 0.75 * limit_; }

/// Whether its watchdog can be relied on to speak.
bool Watch::alive(std::size_t local) const {
    return lines_[local].process.load(std::memory_order_relaxed) != 0 && !silent(local);
}

bool Watch::speaks() const {
    for (std::size_t local = 0; local < place_.me; ++local)
        if (alive(local)) return false;
    return true;
}

bool Watch::claim(std::uint64_t announcement) {
    const std::uint64_t number = progress_ * announcements + announcement;
    std::uint64_t last = head_->told.load(std::memory_order_relaxed);
    while (last < number)
        if (head_->told.compare_exchange_weak(last, number, std::memory_order_relaxed)) {
            const bool first = last / announcements != progress_ || last == 0;
            if (first && announcement != resumption) head_->stalls.fetch_add(1, std::memory_order_relaxed);
            return true;
        }
    return false;
}

void Watch::tell() {
    if (!claim(due(quiet_, settings_.stall_seconds))) return;
    told_ = message();
    print_line(told_);
    call_back({told_, quiet_, false});
}

/// Ends this process, and with it, by its launcher, the run. A rank that does not speak leaves the one that does the
/// time to do so, but does not rely on it.
void Watch::end() {
    const double grace = 1 + 2 * interval_;
    if (speaks() && claim(final_announcement)) {
        told_ = fmt::format("{}; the run ends, since this is longer than {}", message(),
                            human_duration(*settings_.abort_seconds));
        print_line(told_);
        kill_stopped();
        call_back({told_, quiet_, true});
    } else if (quiet_ < *settings_.abort_seconds + grace) {
        return;
    }
    _exit(static_cast<int>(Exit::failure));
}

/// A launcher lets a stopped rank go on before it ends it: time enough to write as if nothing had happened.
void Watch::kill_stopped() const {
    for (std::size_t local = 0; local < views_.size(); ++local)
        if (local != place_.me && views_[local].visible && life(local) == Life::stopped)
            kill(lines_[local].process.load(std::memory_order_relaxed), SIGKILL);
}

void Watch::went_on() {
    const std::string told = std::exchange(told_, {});
    if (told.empty() || !claim(resumption)) return;
    const std::string line = fmt::format("goes on after {}", human_duration(quiet_));
    print_line(fmt::format("host {}: {}", place_.host, line));
    const std::lock_guard lock(mutex_);
    if (reports_.size() == most_reports) reports_.pop_front();
    reports_.push_back(fmt::format("{}; {}", told, line));
}

Life Watch::life(std::size_t local) const {
    const Line& line = lines_[local];
    if (views_[local].visible) {
        const std::optional<ProcessStat> stat = read_process(line.process.load(std::memory_order_relaxed));
        if (!stat || stat->started != line.started.load(std::memory_order_relaxed)) return Life::gone;
        if (const Life seen = life_of(*stat); seen != Life::running) return seen;
    }
    return silent(local) ? Life::silent : Life::running;
}

std::string Watch::message() const {
    Stalled stalled;
    stalled.host = place_.host;
    stalled.alone = place_.other_hosts.empty();
    for (const std::string& host : place_.other_hosts)
        if (std::ranges::find(stalled.others, host) == stalled.others.end()) stalled.others.push_back(host);
    stalled.seconds = quiet_;
    for (std::size_t local = 0; local < views_.size(); ++local) {
        const Line& line = lines_[local];
        stalled.step = std::max(stalled.step, line.step.load(std::memory_order_relaxed));
        stalled.members.push_back({place_.ranks[local], line.process.load(std::memory_order_relaxed),
                                   static_cast<Phase>(line.phase.load(std::memory_order_relaxed)), life(local)});
    }
    return stall_message(stalled);
}

void Watch::call_back(const Stall& stall) const {
    if (!on_stall_) return;
    try {
        on_stall_(stall);
    } catch (const std::exception& error) {
        print_line(fmt::format("a stall could not be recorded: {}", error.what()));
    }
}

} // namespace elbo::comm
