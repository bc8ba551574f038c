// What a rank reads for its turns where the data does not lie in memory, in which order, and where the rows of a turn
// are in it. Nothing here reads: a Feed does, in a thread of its own.
#pragma once

#include "data/plan.hpp"
#include "data/windows.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace elbo::data {

/// Rows that are read together: ranges of the file, ascending and apart, whose bytes then lie one after the other.
struct Portion {
    std::uint64_t needed = 0; ///< by which batch, counted over all epochs
    std::vector<Range> rows;
};

/// A row of a turn: which sample it is, and where it was put.
struct Spot {
    std::uint64_t sample = 0;
    std::size_t lane = 0;
    std::uint64_t portion = 0; ///< of the lane, from 0 on since begin()
    std::uint64_t row = 0;     ///< of the portion
};

/// Portions come in lanes, one after the other in each. A reader asks for portions while another thread asks for spots;
/// begin() is called by neither meanwhile.
class Schedule {
public:
    virtual ~Schedule() = default;

    virtual std::size_t lanes() const = 0;
    /// Portions of a lane that must be there at once, so that a turn's rows and what comes next have room.
    virtual std::size_t depth() const = 0;
    /// Of the largest portion of a lane.
    virtual std::uint64_t rows(std::size_t lane) const = 0;

    /// From this turn on; nothing of end_epoch and later epochs is read.
    virtual void begin(const Turn& turn, std::uint64_t end_epoch) = 0;
    /// The next portion of a lane; nothing where there is no more to come.
    virtual std::optional<Portion> next(std::size_t lane) = 0;
    /// The rows of the next turn, in their order.
    virtual void locate(const Turn& turn, std::vector<Spot>& spots) = 0;
};

/// In a windowed order a lane is a virtual rank, and a portion one of its windows; else a portion is a turn.
std::unique_ptr<Schedule> make_schedule(std::uint32_t seed, const Turns& turns, std::size_t row_bytes);

/// Turn by turn, in whatever order.
std::unique_ptr<Schedule> make_turn_schedule(std::uint32_t seed, const Turns& turns, const Ordering& ordering,
                                             std::size_t row_bytes);

/// Rows that there must be room for.
std::uint64_t rows_kept(const Schedule& schedule);

} // namespace elbo::data
