// Where a rank's time goes: seconds in each phase, and, of chosen steps, every stay in a phase by itself. A change of
// phase reads the clock once (CLOCK_MONOTONIC, about 25 ns; all ranks of a host read the same one).
#pragma once

#include "comm/phase.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace elbo::comm {

class PhaseClock {
public:
    using Clock = std::chrono::steady_clock;
    /// Nanoseconds in each phase, by its number.
    using Times = std::array<std::int64_t, phase_kinds.size()>;

    /// One stay in a phase; nanoseconds of the clock.
    struct Stay {
        std::int64_t begin, end;
        std::uint64_t step; ///< the one that it belongs to, or follows
        Phase phase;
    };

    Phase phase() const { return phase_; }

    void enter(Phase phase) {
        if (phase == phase_) return;
        const std::int64_t now = nanoseconds();
        times_[static_cast<std::size_t>(phase_)] += now - since_;
        if (recorded(step_)) stays_.push_back({since_, now, step_, phase_});
        since_ = now;
        phase_ = phase;
    }

    /// Enters the first phase of a step: what was before it belongs to the step before.
    void begin_step(std::uint64_t step) {
        enter(Phase::batch);
        step_ = step;
    }

    /// Times until now.
    Times times() const {
        Times times = times_;
        times[static_cast<std::size_t>(phase_)] += nanoseconds() - since_;
        return times;
    }

    /// Keeps every stay of steps [first, last] from now on, those between a step and the next with the former.
    void record(std::uint64_t first, std::uint64_t last) {
        first_recorded_ = first;
        last_recorded_ = last;
        stays_.reserve((last - first + 1) * usual_stays);
    }
    const std::vector<Stay>& stays() const { return stays_; }
    /// Whether the stays of the step under way are kept, and its number.
    bool recording() const { return recorded(step_); }
    std::uint64_t step() const { return step_; }

    static std::int64_t nanoseconds() {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
    }

private:
    static constexpr std::size_t usual_stays = 64; ///< of a step

    bool recorded(std::uint64_t step) const { return step >= first_recorded_ && step <= last_recorded_; }

    Times times_{};
    std::int64_t since_ = nanoseconds();
    Phase phase_ = Phase::starting;
    std::uint64_t step_ = 0;
    std::uint64_t first_recorded_ = 1, last_recorded_ = 0; ///< none
    std::vector<Stay> stays_;
};

/// In a phase while it lives, and back in the one before afterwards.
class InPhase {
public:
    /// clock: may be none.
    InPhase(PhaseClock* clock, Phase phase) : clock_(clock), before_(clock ? clock->phase() : phase) {
        if (clock_) clock_->enter(phase);
    }
    ~InPhase() {
        if (clock_) clock_->enter(before_);
    }
    InPhase(const InPhase&) = delete;
    InPhase& operator=(const InPhase&) = delete;

private:
    PhaseClock* clock_;
    Phase before_;
};

} // namespace elbo::comm
