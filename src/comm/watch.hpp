// Notices when a node comes to a standstill. Every rank leaves its phase in memory that the node shares; a thread in
// each, which never calls MPI, looks at it about once a second, and one of them says who has not arrived.
#pragma once

#include "base/fault.hpp"
#include "comm/node_memory.hpp"
#include "comm/nodes.hpp"
#include "comm/phase.hpp"
#include "comm/stall.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace elbo::comm {

struct WatchSettings {
    double stall_seconds = 60;           ///< without progress on any rank of a node: said so; 0: never
    std::optional<double> abort_seconds; ///< the run ends after so long
};

/// What is told of a stall.
struct Stall {
    std::string message; ///< one line, without "elbo: "
    double seconds = 0;  ///< without progress so far
    bool ends = false;   ///< the process ends when the call returns
};

/// The thread that constructs it calls enter(), tick() and set_step() and destroys it; take_report() is any's.
class Watch {
public:
    /// Called on the rank that speaks, on the watchdog's own thread while the main thread may be stuck anywhere: it
    /// must not wait for what the main thread holds, nor call MPI.
    using OnStall = std::function<void(const Stall&)>;

    /// Collective over the world.
    Watch(const Nodes& nodes, const WatchSettings& settings, OnStall on_stall = {});

    /// A board that processes share without MPI. Zeroed at first; the first to come need not wait for the others.
    struct Place {
        std::byte* board = nullptr; ///< board_bytes(ranks.size()), aligned to a cache line
        std::vector<int> ranks;     ///< of the node, in the world
        std::size_t me = 0;         ///< which of them this is
        std::string host;
        std::vector<std::string> other_hosts; ///< of each other node
    };
    static std::size_t board_bytes(std::size_t ranks);
    Watch(Place place, const WatchSettings& settings, OnStall on_stall);

    /// Ends the watchdog. From here on this rank is not waited for.
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// This rank begins a phase, which is progress, and passes the fail point of its name.
    void enter(Phase phase) {
        line_->phase.store(static_cast<std::uint32_t>(phase), std::memory_order_relaxed);
        line_->ticks.store(++ticks_, std::memory_order_release);
        fault_point(name_of(phase));
    }
    /// Goes back to a phase that another one was entered from; no progress, no fail point.
    void back_to(Phase phase) { line_->phase.store(static_cast<std::uint32_t>(phase), std::memory_order_relaxed); }
    /// Progress within a phase that takes long.
    void tick() { line_->ticks.store(++ticks_, std::memory_order_release); }
    /// The step that messages name.
    void set_step(std::uint64_t step) { line_->step.store(step, std::memory_order_relaxed); }
    Phase phase() const { return static_cast<Phase>(line_->phase.load(std::memory_order_relaxed)); }

    /// Stalls of this node that were told of.
    std::uint64_t stalls() const;
    /// The message of a stall that is over, oldest first; on the rank that told of it.
    std::optional<std::string> take_report();

private:
    /// What a rank shows the others; a cache line.
    struct alignas(64) Line {
        std::atomic<std::uint64_t> ticks, step;
        std::atomic<std::uint64_t> heartbeats; ///< of the watchdog
        std::atomic<std::uint64_t> started;    ///< of the process, as ProcessStat has it
        std::atomic<std::uint32_t> phase;
        std::atomic<std::int32_t> process;
    };
    /// What the watchdogs share.
    struct alignas(64) Head {
        std::atomic<std::uint64_t> told; ///< number of the last announcement
        std::atomic<std::uint64_t> stalls;
    };
    /// What this rank's watchdog knows of a rank.
    struct View {
        std::uint64_t heartbeats = 0;
        double silent = 0;    ///< seconds since its watchdog was last seen at work
        bool visible = false; ///< its process has been seen in /proc
    };

    void sit_down();
    void start();
    void stop();
    void run();
    void look(double awake);
    std::uint64_t see_others(double awake);
    bool silent(std::size_t local) const;
    bool alive(std::size_t local) const;
    bool speaks() const;
    bool claim(std::uint64_t announcement);
    void tell();
    void end();
    void kill_stopped() const;
    void went_on();
    Life life(std::size_t local) const;
    std::string message() const;
    void call_back(const Stall& stall) const;

    std::unique_ptr<NodeMemory> memory_; ///< none on a board of others
    Place place_;
    WatchSettings settings_;
    OnStall on_stall_;
    double limit_, interval_; ///< until something is said or done, between looks; seconds
    Head* head_ = nullptr;
    Line* lines_ = nullptr; ///< of each rank of the node
    Line* line_ = nullptr;  ///< this rank's
    std::uint64_t ticks_ = 0;

    // The watchdog's own.
    std::vector<View> views_;
    std::uint64_t progress_ = 0; ///< ticks of all ranks
    double quiet_ = 0;           ///< seconds in which it has not changed
    std::string told_;           ///< by this rank, of this stall

    std::mutex mutex_; ///< of what follows
    std::condition_variable wake_;
    bool ending_ = false;
    std::deque<std::string> reports_;
    std::thread thread_;
};

} // namespace elbo::comm
