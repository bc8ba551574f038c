// The phases of a training, as a rank tells them to the others of its node and as fail points are named.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace elbo::comm {

enum class Phase : std::uint32_t {
    starting,
    batch,
    forward,
    backward,
    update,
    exchange,
    validation,
    picture,
    saving,
    agreeing,
    ended,
    waiting,   ///< for another rank, within the exchange
    reporting, ///< lines of metrics, events and what else stands between two steps
    messages,  ///< driving MPI between two pieces of the backward pass
    reading    ///< waiting for rows that a thread reads from a file, for longer than a moment
};

struct PhaseKind {
    std::string_view name;
    bool waits; ///< for other ranks: who is in it has arrived
};

inline constexpr std::array<PhaseKind, 15> phase_kinds = {{{"starting", false},
                                                           {"batch", false},
                                                           {"forward", false},
                                                           {"backward", false},
                                                           {"update", false},
                                                           {"exchange", true},
                                                           {"validation", false},
                                                           {"picture", false},
                                                           {"saving", false},
                                                           {"agreeing", true},
                                                           {"ended", false},
                                                           {"waiting", true},
                                                           {"reporting", false},
                                                           {"messages", false},
                                                           {"reading", false}}};
static_assert(phase_kinds.size() == static_cast<std::size_t>(Phase::reading) + 1);

constexpr std::string_view name_of(Phase phase) { return phase_kinds[static_cast<std::size_t>(phase)].name; }
constexpr bool waits(Phase phase) { return phase_kinds[static_cast<std::size_t>(phase)].waits; }

} // namespace elbo::comm
