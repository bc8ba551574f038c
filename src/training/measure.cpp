#include "training/measure.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::training {
namespace {

constexpr std::uint64_t repeats = 10, first_steps = 3;
constexpr double warmup_share = 0.1;

/// The longest of any rank; what it was spent on, of this rank, is added to `accounts`.
std::int64_t nanoseconds_of(const comm::Communicator& world, Trainer& trainer, std::uint64_t steps,
                            Accounts& accounts) {
    world.barrier();
    const Accounts before(trainer.clock().times());
    const std::int64_t start = comm::PhaseClock::nanoseconds();
    make_steps(trainer, steps);
    const std::int64_t taken = comm::PhaseClock::nanoseconds() - start;
    accounts += Accounts(trainer.clock().times()) - before;
    return world.most(taken);
}

/// Seconds of a step once everything is warm.
double warm_up(const comm::Communicator& world, Trainer& trainer, double seconds) {
    make_steps(trainer, first_steps);
    double taken = 0;
    Accounts ignored;
    std::uint64_t steps = 0;
    while (taken < warmup_share * seconds) {
        steps = std::max<std::uint64_t>(1, 2 * steps);
        taken = 1e-9 * static_cast<double>(nanoseconds_of(world, trainer, steps, ignored));
    }
    return taken / static_cast<double>(steps);
}

/// Seconds that the last bucket travels after the last step's backward pass if buckets travel one after the other, each
/// for its part of `alone`.
double tail_of(const comm::Exchange& exchange, double alone) {
    const std::span<const std::int64_t> begun = exchange.begun();
    const double each = 1e9 * alone / static_cast<double>(begun.size());
    double end = static_cast<double>(begun.front());
    for (const std::int64_t begin : begun) end = std::max(end, static_cast<double>(begin)) + each;
    return 1e-9 * (end - static_cast<double>(begun.back()));
}

void make_exchanges(Trainer& trainer, std::uint64_t count) {
    const auto evaluate = [](std::size_t, std::span<float>, const comm::FinalFrom&) {};
    const auto update = [](comm::Slice, std::size_t) { return true; };
    for (std::uint64_t i = 0; i < count; ++i) trainer.exchange().step(evaluate, update);
}

} // namespace

config::Config for_measuring(config::Config config) {
    config.data.validation.clear();
    config.data.validation_fraction.reset();
    config.model.start.clear();
    config.evaluate.every = 0;
    config.training.patience.reset();
    // The rate does not matter to speed, and one that waits for validation would wait in vain.
    config.optimizer.decay = {"constant", config.optimizer.decay.where, {}};
    return config;
}

void make_steps(Trainer& trainer, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        if (trainer.epoch_done()) {
            ++trainer.state().epoch;
            trainer.state().position = 0;
        }
        trainer.step();
    }
}

double median_of(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double Measured::median() const { return median_of(rates); }

Measured measure(const comm::Communicator& world, Trainer& trainer, double seconds) {
    const double a_step = warm_up(world, trainer, seconds);
    const auto steps = static_cast<std::uint64_t>(std::max(1.0, std::round(seconds / repeats / a_step)));
    Measured measured;
    Accounts mine;
    for (std::uint64_t i = 0; i < repeats; ++i) {
        const std::int64_t taken = nanoseconds_of(world, trainer, steps, mine);
        measured.rates.push_back(static_cast<double>(steps * trainer.batch()) * 1e9 / static_cast<double>(taken));
    }
    std::ranges::sort(measured.rates);
    measured.steps = repeats * steps;
    measured.ranks = gather_accounts(world, mine);
    return measured;
}

Overlap measure_overlap(const comm::Communicator& world, Trainer& trainer, double seconds) {
    constexpr int rounds = 9;
    const auto a_step = [&](std::uint64_t steps, const auto& make) {
        world.barrier();
        const std::int64_t start = comm::PhaseClock::nanoseconds();
        make(trainer, steps);
        const std::int64_t taken = world.most(comm::PhaseClock::nanoseconds() - start);
        return 1e-9 * static_cast<double>(taken) / static_cast<double>(steps);
    };
    const double about = a_step(2, make_steps);
    const auto steps = static_cast<std::uint64_t>(std::max(1.0, std::round(seconds / (3 * rounds) / about)));
    std::vector<double> off, alone, together, tails;
    for (int round = 0; round < rounds; ++round) {
        together.push_back(a_step(steps, make_steps));
        alone.push_back(a_step(steps, make_exchanges));
        trainer.exchange().leave_out_messages(true);
        off.push_back(a_step(steps, make_steps));
        trainer.exchange().leave_out_messages(false);
        tails.push_back(1e-9 * static_cast<double>(world.most(
                                   static_cast<std::int64_t>(1e9 * tail_of(trainer.exchange(), alone.back())))));
    }
    return {median_of(off), median_of(alone), median_of(together), median_of(off) + median_of(tails)};
}

} // namespace elbo::training
