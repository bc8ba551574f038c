#include "base/fault.hpp"

#include "base/error.hpp"

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

#include <unistd.h>

namespace elbo {
namespace {

constexpr std::pair<std::string_view, FaultAction> actions[] = {{"throw", FaultAction::throws},
                                                                {"exhaust", FaultAction::exhausts},
                                                                {"kill", FaultAction::kills},
                                                                {"stop", FaultAction::stops},
                                                                {"exit", FaultAction::exits}};

template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

[[noreturn]] void reject_request(std::string_view request) {
    reject("ELBO_FAULT={}: expected ACTION@PLACE[:COUNT][/RANK] with ACTION one of throw, exhaust, kill, stop, exit, "
           "COUNT from 1 and RANK from 0, such as kill@forward:120/1",
           request);
}

int rank_of_environment() {
    for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID", "PMI_RANK"})
        if (const char* const text = std::getenv(name))
            if (const std::optional<int> rank = number_of<int>(text)) return *rank;
    return 0;
}

/// What was asked for, and how far it has come. Places are visited by several threads.
struct State {
    std::mutex mutex;
    std::optional<Fault> fault;
    std::optional<std::string> malformed;
    unsigned long long visits = 0;
    std::optional<int> rank;

    State() {
        const char* const request = std::getenv("ELBO_FAULT");
        if (!request || !*request) return;
        try {
            fault = parse_fault(request);
        } catch (const InputError& error) {
            malformed = error.what();
        }
    }
};

State& state() {
    static State instance;
    return instance;
}

/// What a visit of `place` leads to: the action, if this is the one.
std::optional<FaultAction> due(std::string_view place) {
    State& now = state();
    const std::lock_guard lock(now.mutex);
    if (!now.fault || now.fault->place != place || ++now.visits != now.fault->count) return std::nullopt;
    if (now.fault->rank && *now.fault->rank != (now.rank ? *now.rank : rank_of_environment())) return std::nullopt;
    return now.fault->action;
}

} // namespace

Fault parse_fault(std::string_view request) {
    Fault fault;
    std::string_view rest = request;
    const std::size_t at = rest.find('@');
    if (at == std::string_view::npos) reject_request(request);
    bool known = false;
    for (const auto& [name, action] : actions)
        if (rest.substr(0, at) == name) {
            fault.action = action;
            known = true;
        }
    rest.remove_prefix(at + 1);
    if (const std::size_t slash = rest.rfind('/'); slash != std::string_view::npos) {
        fault.rank = number_of<int>(rest.substr(slash + 1));
        known = known && fault.rank && *fault.rank >= 0;
        rest = rest.substr(0, slash);
    }
    if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
        fault.count = number_of<unsigned long long>(rest.substr(colon + 1)).value_or(0);
        rest = rest.substr(0, colon);
    }
    if (!known || rest.empty() || fault.count == 0) reject_request(request);
    fault.place = rest;
    return fault;
}

void arm_fault(const std::optional<Fault>& fault) {
    State& now = state();
    const std::lock_guard lock(now.mutex);
    now.fault = fault;
    now.malformed.reset();
    now.visits = 0;
    fault_detail::armed.store(fault.has_value(), std::memory_order_relaxed);
}

void require_valid_fault() {
    if (const std::optional<std::string>& malformed = state().malformed) throw InputError(*malformed);
}

void set_fault_rank(int rank) {
    const std::lock_guard lock(state().mutex);
    state().rank = rank;
}

namespace fault_detail {

std::atomic<bool> armed = state().fault || state().malformed;

void visit(std::string_view place) {
    require_valid_fault();
    const std::optional<FaultAction> action = due(place);
    if (!action) return;
    if (*action == FaultAction::throws) fail("fault injected at {} (ELBO_FAULT)", place);
    if (*action == FaultAction::exhausts) throw std::bad_alloc();
    if (*action == FaultAction::kills) kill(getpid(), SIGKILL);
    if (*action == FaultAction::stops) kill(getpid(), SIGSTOP);
    if (*action == FaultAction::exits) std::_Exit(static_cast<int>(Exit::failure));
}

} // namespace fault_detail
} // namespace elbo
