#include "training/accounting.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace elbo::training {
namespace {

/// Shares of the steps' time from which something is said.
constexpr double much_data = 0.10, much_wait = 0.10, much_exchange = 0.15, much_update = 0.25, much_saving = 0.10;
constexpr double slow_rank = 1.10;     ///< times the mean
constexpr double least_seconds = 1;    ///< of steps, for advice
constexpr std::uint64_t few_rows = 64; ///< a rank, below which what does not depend on the batch shows

const RankAccounts& extreme(std::span<const RankAccounts> ranks, Account account, bool most) {
    const auto less = [account](const RankAccounts& a, const RankAccounts& b) {
        return a.seconds[account] < b.seconds[account];
    };
    return most ? *std::ranges::max_element(ranks, less) : *std::ranges::min_element(ranks, less);
}

constexpr std::size_t extremes_columns = 74; ///< that rows with the longest and the shortest time take

std::string percent(double part, double whole) { return fmt::format("{:.0f} %", 100 * part / whole); }

std::string row(std::string_view name, double seconds, double all, const std::string& ranks) {
    return fmt::format("  {:<12}{:>10.2f}{:>9.1f}{}", name, seconds, all > 0 ? 100 * seconds / all : 0.0, ranks);
}

std::string in_words(const RankAccounts& rank) { return fmt::format("rank {} on {}", rank.rank, rank.host); }

std::string of_slow_rank(std::span<const RankAccounts> ranks, const Accounts& mean) {
    const RankAccounts& slowest = slowest_of(ranks);
    return fmt::format("{} works {} longer than the mean and is waited for: is another program on its cores, a slower "
                       "CPU in its host, or another rank on its core (mpirun --bind-to core)?",
                       in_words(slowest), percent(slowest.seconds.work() - mean.work(), mean.work()));
}

std::string of_waiting(double share, const StepShape& shape) {
    if (shape.nodes > 1)
        return fmt::format("{:.0f} % of the steps' time waits for messages between nodes, which the backward pass does "
                           "not hide: a larger training.batch, communication.precision=bf16, fewer nodes, or a faster "
                           "network for MPI",
                           100 * share);
    return fmt::format("{:.0f} % of the steps' time waits for other ranks, none of which is slower than the rest: a "
                       "larger training.batch, or fewer ranks if they are more than there are free cores",
                       100 * share);
}

} // namespace

Account account_of(comm::Phase phase) {
    switch (phase) {
    case comm::Phase::starting:
        return Account::start;
    case comm::Phase::batch:
    case comm::Phase::reading:
        return Account::data;
    case comm::Phase::forward:
        return Account::forward;
    case comm::Phase::backward:
        return Account::backward;
    case comm::Phase::update:
        return Account::update;
    case comm::Phase::messages:
        return Account::messages;
    case comm::Phase::exchange:
        return Account::exchange;
    case comm::Phase::validation:
        return Account::validation;
    case comm::Phase::picture:
        return Account::picture;
    case comm::Phase::saving:
        return Account::saving;
    case comm::Phase::agreeing:
    case comm::Phase::waiting:
        return Account::wait;
    case comm::Phase::ended:
    case comm::Phase::reporting:
        break;
    }
    return Account::other;
}

Accounts::Accounts(const comm::PhaseClock::Times& times) {
    for (std::size_t phase = 0; phase < times.size(); ++phase)
        (*this)[account_of(static_cast<comm::Phase>(phase))] += 1e-9 * static_cast<double>(times[phase]);
}

Accounts& Accounts::operator+=(const Accounts& other) {
    for (std::size_t i = 0; i < seconds_.size(); ++i) seconds_[i] += other.seconds_[i];
    return *this;
}

Accounts Accounts::operator-(const Accounts& other) const {
    Accounts difference = *this;
    for (std::size_t i = 0; i < seconds_.size(); ++i) difference.seconds_[i] -= other.seconds_[i];
    return difference;
}

double Accounts::all() const {
    double sum = 0;
    for (const double seconds : seconds_) sum += seconds;
    return sum;
}

double Accounts::steps() const {
    double sum = 0;
    for (std::size_t i = 0; i < seconds_.size(); ++i)
        if (Account{static_cast<int>(i)} >= Account::data && Account{static_cast<int>(i)} <= Account::wait)
            sum += seconds_[i];
    return sum;
}

std::vector<RankAccounts> gather_accounts(const comm::Communicator& world, const Accounts& mine) {
    static_assert(std::is_trivially_copyable_v<Accounts>);
    const std::vector<std::string> hosts = world.gather(world.host());
    const std::vector<std::string> bytes = world.gather(std::string(reinterpret_cast<const char*>(&mine), sizeof mine));
    std::vector<RankAccounts> ranks(bytes.size());
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
        ranks[rank] = {static_cast<int>(rank), hosts[rank], {}};
        std::memcpy(&ranks[rank].seconds, bytes[rank].data(), sizeof mine);
    }
    return ranks;
}

Accounts mean_of(std::span<const RankAccounts> ranks) {
    Accounts mean;
    for (const RankAccounts& rank : ranks) mean += rank.seconds;
    for (std::size_t i = 0; i < account_names.size(); ++i)
        mean[Account{static_cast<int>(i)}] /= static_cast<double>(ranks.size());
    return mean;
}

const RankAccounts& slowest_of(std::span<const RankAccounts> ranks) {
    return *std::ranges::max_element(ranks, {}, [](const RankAccounts& rank) { return rank.seconds.work(); });
}

const RankAccounts& fastest_of(std::span<const RankAccounts> ranks) {
    return *std::ranges::min_element(ranks, {}, [](const RankAccounts& rank) { return rank.seconds.work(); });
}

std::vector<std::string> accounting_table(std::span<const RankAccounts> ranks, std::uint64_t steps,
                                          std::size_t columns) {
    const bool several = ranks.size() > 1, extremes = several && columns >= extremes_columns;
    const Accounts mean = mean_of(ranks);
    std::vector<std::string> lines;
    lines.push_back(fmt::format("where the time of {} steps went{}", with_commas(steps),
                                several ? fmt::format(", {} ranks", ranks.size()) : ""));
    lines.push_back(fmt::format("  {:<12}{:>10}{:>9}{}", "phase", several ? "mean s" : "seconds", "share %",
                                extremes ? "    longest s   rank    shortest s   rank" : ""));
    for (std::size_t i = 0; i < account_names.size(); ++i) {
        const Account account{static_cast<int>(i)};
        const RankAccounts &most = extreme(ranks, account, true), &least = extreme(ranks, account, false);
        if (most.seconds[account] < 0.005) continue;
        lines.push_back(row(account_names[i], mean[account], mean.all(),
                            extremes ? fmt::format("{:>13.2f}{:>7}{:>14.2f}{:>7}", most.seconds[account], most.rank,
                                                   least.seconds[account], least.rank)
                                     : ""));
    }
    lines.push_back(row("all", mean.all(), mean.all(), ""));
    if (several) {
        const RankAccounts &slowest = slowest_of(ranks), &fastest = fastest_of(ranks);
        lines.push_back(fmt::format("  work of the slowest: {:.2f} s, {}", slowest.seconds.work(), in_words(slowest)));
        lines.push_back(fmt::format("  work of the fastest: {:.2f} s, {}", fastest.seconds.work(), in_words(fastest)));
    }
    return lines;
}

std::vector<std::string> accounting_advice(std::span<const RankAccounts> ranks, const StepShape& shape) {
    const Accounts mean = mean_of(ranks);
    const double steps = mean.steps();
    if (steps < least_seconds) return {};
    const auto share = [&](Account account) { return mean[account] / steps; };
    std::vector<std::string> advice;
    if (share(Account::data) > much_data)
        advice.push_back(fmt::format("{:.0f} % of the steps' time makes batches: store the data in the type and size "
                                     "that the model takes (uint8 or float32), and binarise it beforehand if it need "
                                     "not be drawn afresh",
                                     100 * share(Account::data)));
    if (share(Account::wait) > much_wait) {
        const bool one_is_slow = slowest_of(ranks).seconds.work() > slow_rank * mean.work();
        advice.push_back(one_is_slow ? of_slow_rank(ranks, mean) : of_waiting(share(Account::wait), shape));
    }
    const bool much_besides = share(Account::exchange) > much_exchange || share(Account::update) > much_update;
    if (shape.rows < few_rows && much_besides)
        advice.push_back(
            fmt::format("{} rows a rank are few: update and exchange, which take as long for any batch, are "
                        "{:.0f} % of the steps' time; a larger training.batch would be faster a sample",
                        shape.rows, 100 * (share(Account::update) + share(Account::exchange))));
    else if (share(Account::update) > much_update)
        advice.push_back(fmt::format(
            "the update is {:.0f} % of the steps' time: it is bound by memory bandwidth (it reads and writes "
            "{} a step); a larger training.batch needs fewer of them",
            100 * share(Account::update),
            human_bytes(static_cast<double>(shape.parameters * sizeof(float)) *
                        static_cast<double>(3 + 2 * shape.optimizer_states))));
    else if (share(Account::exchange) > much_exchange)
        advice.push_back(fmt::format("sums of gradients are {:.0f} % of the steps' time: a larger training.batch needs "
                                     "fewer of them",
                                     100 * share(Account::exchange)));
    if (mean[Account::saving] > much_saving * mean.all())
        advice.push_back(fmt::format("training stood still for checkpoints {} of the time: a longer checkpoint.every",
                                     percent(mean[Account::saving], mean.all())));
    return advice;
}

report::Fields accounting_event(std::span<const RankAccounts> ranks, const StepShape& shape,
                                std::span<const std::string> advice) {
    const Accounts mean = mean_of(ranks);
    report::Fields fields = {{"ranks", static_cast<std::int64_t>(ranks.size())},
                             {"steps", static_cast<std::int64_t>(shape.steps)},
                             {"seconds", mean.all()}};
    for (std::size_t i = 0; i < account_names.size(); ++i)
        fields.emplace_back(fmt::format("phases.{}", account_names[i]), mean[Account{static_cast<int>(i)}]);
    if (ranks.size() > 1) {
        fields.emplace_back("slowest", in_words(slowest_of(ranks)));
        fields.emplace_back("fastest", in_words(fastest_of(ranks)));
    }
    std::vector<std::string_view> sentences(advice.begin(), advice.end());
    if (!advice.empty()) fields.emplace_back("advice", joined(sentences, "; "));
    return fields;
}

} // namespace elbo::training
