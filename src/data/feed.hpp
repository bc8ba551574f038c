// Rows of a rank's turns, read from the file by a thread ahead of the computation.
#pragma once

#include "data/dataset.hpp"
#include "data/schedule.hpp"
#include "data/source.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace elbo::data {

/// Called about twice a second by who waits.
using Waiting = std::function<void()>;

class Feed {
public:
    /// Reads nothing before the first turn is asked for, and, where turns.epochs is set, nothing of epochs from that on
    /// before they are asked for.
    Feed(std::shared_ptr<const Source> source, std::unique_ptr<Schedule> schedule, const Turns& turns);
    /// Waits for a piece that is being read, at most.
    ~Feed();
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    /// The rows of a turn, valid until the next call; read already where it follows the turn of the last call. Throws
    /// what reading threw, InputError where the file has changed.
    std::span<const Located> take(const Turn& turn, const Waiting& waiting = {});

    /// From here on nothing is read, and who waits or comes for rows gets an Error.
    void end();

    /// Seconds in which take() waited for rows.
    double waited() const { return 1e-9 * static_cast<double>(waited_.load(std::memory_order_relaxed)); }

private:
    struct Lane {
        std::vector<std::unique_ptr<std::byte[]>> rooms; ///< portion number n in room n mod size
        std::uint64_t loaded = 0, released = 0;          ///< portions
        std::optional<Portion> next;                     ///< to be read
        bool over = false;                               ///< nothing follows
    };

    void begin(const Turn& turn);
    const std::byte* wait(std::size_t lane, std::uint64_t portion, const Waiting& waiting);
    void release(std::size_t lane, std::uint64_t before);
    void work();
    Lane* most_needed();
    bool read(const Portion& portion, std::byte* out, std::uint64_t course) const;

    std::shared_ptr<const Source> source_;
    std::unique_ptr<Schedule> schedule_;
    const Turns turns_;
    const std::size_t row_bytes_;
    Turn next_;                    ///< the turn that follows the last one; step 0: none
    std::uint64_t end_epoch_ = 0;  ///< of the present course
    std::vector<Spot> spots_;      ///< of the last turn
    std::vector<Located> located_; ///< of the last turn
    std::atomic<std::int64_t> waited_{0};

    std::mutex mutex_;                    ///< of what follows
    std::condition_variable room_, news_; ///< what the thread waits for, and the caller
    std::vector<Lane> lanes_;
    std::exception_ptr failure_;
    bool busy_ = false;
    std::atomic<bool> ending_{false};
    std::atomic<std::uint64_t> course_{0}; ///< counts begin(): what is read for an earlier one is in vain
    std::thread thread_;                   ///< the last member: it uses the others
};

} // namespace elbo::data
