// The rows of the next shards are made by a thread while this one's are computed with, where a core is free for it.
#pragma once

#include "comm/phase_clock.hpp"
#include "data/feed.hpp"
#include "data/loader.hpp"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace elbo::data {

/// Rows of training data, turn by turn. With a thread there is room for a few turns (two, or as many as 2 MiB hold),
/// and it is woken when half of them have been taken: a wake-up costs as much as the rows of a small batch.
class Prefetcher {
public:
    /// As a Loader. The thread, where there is one, computes as the caller's does (denormals).
    Prefetcher(const Dataset& dataset, Binarize binarize, std::uint32_t seed, const Turns& turns, bool threaded);
    ~Prefetcher();
    Prefetcher(const Prefetcher&) = delete;
    Prefetcher& operator=(const Prefetcher&) = delete;

    /// The rows of a turn, valid until the next call: those that the thread has made where it follows the turn of the
    /// last call. Where it does not, the thread begins anew with this one. Who waits for long calls waiting().
    Rows take(const Turn& turn, const Waiting& waiting = {});

    /// One epoch goes on in the order that it was begun in, of another batch or other virtual ranks than the turns'.
    /// Before its first take().
    void keep_order(std::uint64_t epoch, const Ordering& ordering);

    /// Of a dataset that stays in its file: seconds in which rows were waited for.
    double waited() const;

    bool threaded() const { return thread_.joinable(); }

    /// Keeps from when to when the thread makes rows, and of which step, while the caller is in steps [first, last].
    void record(std::uint64_t first, std::uint64_t last);
    std::vector<comm::PhaseClock::Stay> stays() const;

    /// At most.
    static std::size_t bytes(std::size_t dimensions, std::size_t max_rows);

private:
    struct Slot {
        Loader loader;
        Rows rows;
        std::exception_ptr failure;
    };

    Rows make(Loader& loader, const Turn& turn, const Waiting& waiting);
    void wait_for_rows(std::unique_lock<std::mutex>& lock, const Waiting& waiting);
    void work();
    bool has_room() const { return made_ - taken_ <= (slots_.size() - 1) / 2; }

    /// An epoch in an order of its own.
    struct Odd {
        std::uint64_t epoch;
        Ordering ordering;
        std::unique_ptr<Feed> feed; ///< none in memory
    };

    const Dataset& dataset_;
    const std::uint32_t seed_;
    const Turns turns_;
    std::unique_ptr<Feed> feed_; ///< of a dataset that stays in its file
    std::optional<Odd> odd_;
    std::vector<Slot> slots_; ///< the turn with number n of made_ in slot n mod size
    mutable std::mutex mutex_;
    std::condition_variable room_, news_; ///< what the thread waits for, and the caller
    std::uint64_t made_ = 0, taken_ = 0;  ///< turns
    Turn next_to_make_, next_to_take_;    ///< step 0: none
    std::uint64_t step_ = 0;              ///< of the turn taken last
    bool busy_ = false, ending_ = false;
    std::uint64_t first_recorded_ = 1, last_recorded_ = 0; ///< none
    std::vector<comm::PhaseClock::Stay> stays_;
    std::thread thread_; ///< the last member: it uses the others
};

} // namespace elbo::data
