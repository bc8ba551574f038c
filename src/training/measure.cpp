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

} // namespace

config::Config for_measuring(config::Config config) {
    config.data.validation.clear();
    config.model.start.clear();
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

double Measured::median() const {
    const std::size_t middle = rates.size() / 2;
    return rates.size() % 2 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
}

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

} // namespace elbo::training
