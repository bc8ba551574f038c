// Where a training's time went, rank by rank: the table at its end, as simulation codes print it (GROMACS's "real cycle
// and time accounting"), and advice in words where something is off.
#pragma once

#include "comm/communicator.hpp"
#include "comm/phase_clock.hpp"
#include "report/records.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::training {

/// What time is booked on. Those from data to wait are the steps' own.
enum class Account {
    start,
    data,
    forward,
    backward,
    exchange,
    messages,
    update,
    wait,
    validation,
    picture,
    saving,
    other
};
inline constexpr std::array<std::string_view, 12> account_names = {"start",      "data",     "forward", "backward",
                                                                   "exchange",   "messages", "update",  "wait",
                                                                   "validation", "picture",  "saving",  "other"};

Account account_of(comm::Phase phase);

/// Seconds of one rank, by account.
class Accounts {
public:
    Accounts() = default;
    explicit Accounts(const comm::PhaseClock::Times& times);

    double& operator[](Account account) { return seconds_[static_cast<std::size_t>(account)]; }
    double operator[](Account account) const { return seconds_[static_cast<std::size_t>(account)]; }
    Accounts& operator+=(const Accounts& other);
    Accounts operator-(const Accounts& other) const;

    double all() const;
    double steps() const; ///< from data to wait
    double work() const { return steps() - (*this)[Account::wait]; }

private:
    std::array<double, account_names.size()> seconds_{};
};

struct RankAccounts {
    int rank = 0;
    std::string host;
    Accounts seconds;
};

/// Every rank's, on all ranks. Collective.
std::vector<RankAccounts> gather_accounts(const comm::Communicator& world, const Accounts& mine);

Accounts mean_of(std::span<const RankAccounts> ranks);

/// The ranks whose own work in the steps, without waiting, took longest and shortest.
const RankAccounts& slowest_of(std::span<const RankAccounts> ranks);
const RankAccounts& fastest_of(std::span<const RankAccounts> ranks);

/// What advice goes by besides time.
struct StepShape {
    std::uint64_t steps = 0; ///< made
    std::uint64_t rows = 0;  ///< of a step, a rank
    std::size_t nodes = 1;
    std::size_t parameters = 0;
    std::size_t optimizer_states = 0; ///< arrays
};

/// The table's lines; below 74 columns without the ranks' longest and shortest times.
std::vector<std::string> accounting_table(std::span<const RankAccounts> ranks, std::uint64_t steps,
                                          std::size_t columns = 80);

/// What could be better, a sentence each; nothing where the steps took less than a second.
std::vector<std::string> accounting_advice(std::span<const RankAccounts> ranks, const StepShape& shape);

/// The fields of the event "accounting": seconds, mean over ranks.
report::Fields accounting_event(std::span<const RankAccounts> ranks, const StepShape& shape,
                                std::span<const std::string> advice);

} // namespace elbo::training
