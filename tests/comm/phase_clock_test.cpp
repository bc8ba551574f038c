// Time is booked on the phase that a rank was in, all of it and once; chosen steps are kept stay by stay.
#include "comm/phase_clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>

namespace elbo::comm {
namespace {

constexpr std::int64_t nap = 5'000'000; ///< nanoseconds

void sleep() { std::this_thread::sleep_for(std::chrono::nanoseconds(nap)); }

std::int64_t time_in(const PhaseClock& clock, Phase phase) { return clock.times()[static_cast<std::size_t>(phase)]; }

std::int64_t sum(const PhaseClock::Times& times) {
    return std::accumulate(times.begin(), times.end(), std::int64_t{0});
}

TEST(PhaseClock, BooksAllTimeOnceOnThePhaseThatItWasSpentIn) {
    const std::int64_t before = PhaseClock::nanoseconds();
    PhaseClock clock;
    const std::int64_t begin = PhaseClock::nanoseconds();
    clock.enter(Phase::forward);
    sleep();
    clock.enter(Phase::backward);
    sleep();
    clock.enter(Phase::forward);
    sleep();
    EXPECT_GE(time_in(clock, Phase::forward), 2 * nap);
    EXPECT_GE(time_in(clock, Phase::backward), nap);
    EXPECT_EQ(time_in(clock, Phase::update), 0);
    const std::int64_t least = PhaseClock::nanoseconds() - begin;
    const std::int64_t all = sum(clock.times());
    EXPECT_GE(all, least);
    EXPECT_LE(all, PhaseClock::nanoseconds() - before);
}

TEST(PhaseClock, GoesBackToThePhaseBefore) {
    PhaseClock clock;
    clock.enter(Phase::backward);
    {
        const InPhase exchange(&clock, Phase::exchange);
        {
            const InPhase update(&clock, Phase::update);
            EXPECT_EQ(clock.phase(), Phase::update);
        }
        EXPECT_EQ(clock.phase(), Phase::exchange);
    }
    EXPECT_EQ(clock.phase(), Phase::backward);
    const InPhase without(nullptr, Phase::update);
    EXPECT_EQ(clock.phase(), Phase::backward);
}

TEST(PhaseClock, KeepsChosenStepsWithoutGaps) {
    PhaseClock clock;
    clock.record(2, 3);
    for (std::uint64_t step = 1; step <= 5; ++step) {
        clock.begin_step(step);
        clock.enter(Phase::forward);
        clock.enter(Phase::forward); // the same stay
        clock.enter(Phase::reporting);
    }
    const std::vector<PhaseClock::Stay>& stays = clock.stays();
    const Phase expected[] = {Phase::batch, Phase::forward, Phase::reporting};
    ASSERT_EQ(stays.size(), 6U);
    for (std::size_t i = 0; i < stays.size(); ++i) {
        EXPECT_EQ(stays[i].step, 2 + i / 3);
        EXPECT_EQ(stays[i].phase, expected[i % 3]);
        EXPECT_LE(stays[i].begin, stays[i].end);
        EXPECT_EQ(stays[i].begin, i > 0 ? stays[i - 1].end : stays[i].begin);
    }
}

TEST(PhaseClock, KeepsNothingUnasked) {
    PhaseClock clock;
    clock.begin_step(0);
    clock.begin_step(1);
    clock.enter(Phase::forward);
    clock.enter(Phase::backward);
    EXPECT_TRUE(clock.stays().empty());
}

} // namespace
} // namespace elbo::comm
