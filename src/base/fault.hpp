// Fail points: places in the code where a test has the process throw, die, freeze or end, asked for by the environment
// variable ELBO_FAULT=ACTION@PLACE[:COUNT][/RANK]. They cost a load and a branch where nothing is asked for.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

namespace elbo {

enum class FaultAction { throws, exhausts, kills, stops, exits };

struct Fault {
    FaultAction action = FaultAction::throws;
    std::string place;
    unsigned long long count = 1; ///< the visit of this process on which it happens
    std::optional<int> rank;      ///< of the process that it happens to; else to every one
};

/// Reads ACTION@PLACE[:COUNT][/RANK], ACTION one of throw, exhaust (std::bad_alloc), kill (SIGKILL), stop (SIGSTOP) and
/// exit (status 1, at once). Throws InputError that names the format.
Fault parse_fault(std::string_view request);

/// Replaces what ELBO_FAULT asks for, from the first visit on; with nothing, no fault happens any more.
void arm_fault(const std::optional<Fault>& fault);

/// Throws InputError where ELBO_FAULT was malformed when the process started; so does every fault_point() then.
void require_valid_fault();

/// Tells this process's rank. Before, what the launcher's environment says counts, or else 0.
void set_fault_rank(int rank);

namespace fault_detail {
extern std::atomic<bool> armed;
void visit(std::string_view place);
} // namespace fault_detail

/// A place where a fault may be injected: throws Error or bad_alloc, ends or stops the process if that was asked for.
inline void fault_point(std::string_view place) {
    if (fault_detail::armed.load(std::memory_order_relaxed)) [[unlikely]]
        fault_detail::visit(place);
}

} // namespace elbo
