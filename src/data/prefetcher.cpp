#include "data/prefetcher.hpp"

#include "base/thread.hpp"

#include <algorithm>
#include <chrono>

namespace elbo::data {
namespace {

constexpr std::size_t usual_bytes = 2 << 20, least_slots = 2, most_slots = 16;

std::size_t slots_for(std::size_t dimensions, std::size_t max_rows) {
    return std::clamp(usual_bytes / Loader::bytes(dimensions, max_rows), least_slots, most_slots);
}

} // namespace

Prefetcher::Prefetcher(const Dataset& dataset, Binarize binarize, std::uint32_t seed, const Turns& turns, bool threaded)
    : dataset_(dataset), seed_(seed), turns_(turns) {
    if (!dataset.in_memory())
        feed_ = std::make_unique<Feed>(dataset.source(), make_schedule(seed, turns, dataset.row_bytes()), turns);
    const std::size_t rows = largest_shard(turns.batch, turns.shards);
    const std::size_t slots = threaded ? slots_for(dataset.dimensions(), rows) : 1;
    slots_.reserve(slots);
    while (slots_.size() < slots) slots_.push_back({Loader(dataset, binarize, rows), {}, {}});
    if (threaded) thread_ = start_thread("to make batches ahead (data.prefetch)", [this] { work(); });
}

Prefetcher::~Prefetcher() {
    if (!threaded()) return;
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    // The thread may wait for rows of a disk that takes its time.
    if (feed_) feed_->end();
    if (odd_ && odd_->feed) odd_->feed->end();
    room_.notify_one();
    thread_.join();
}

void Prefetcher::keep_order(std::uint64_t epoch, const Ordering& ordering) {
    odd_.emplace(Odd{epoch, ordering, nullptr});
    if (dataset_.in_memory()) return;
    Turns turns = turns_;
    turns.epochs = epoch + 1;
    odd_->feed = std::make_unique<Feed>(dataset_.source(),
                                        make_turn_schedule(seed_, turns, ordering, dataset_.row_bytes()), turns);
}

double Prefetcher::waited() const {
    return (feed_ ? feed_->waited() : 0) + (odd_ && odd_->feed ? odd_->feed->waited() : 0);
}

/// Until the turn to be taken is made.
void Prefetcher::wait_for_rows(std::unique_lock<std::mutex>& lock, const Waiting& waiting) {
    constexpr std::chrono::milliseconds patience{500};
    while (!news_.wait_for(lock, patience, [this] { return made_ > taken_; })) {
        if (!waiting) continue;
        lock.unlock();
        waiting();
        lock.lock();
    }
}

Rows Prefetcher::take(const Turn& turn, const Waiting& waiting) {
    if (!threaded()) return make(slots_.front().loader, turn, waiting);
    std::unique_lock lock(mutex_);
    const bool behind_the_end = made_ == taken_ && !busy_ && next_to_make_.step == 0;
    if (turn != next_to_take_ || behind_the_end) {
        news_.wait(lock, [this] { return !busy_; });
        made_ = taken_;
        next_to_make_ = turn;
        room_.notify_one();
    }
    wait_for_rows(lock, waiting);
    const Slot& slot = slots_[taken_ % slots_.size()];
    ++taken_;
    next_to_take_ = turns_.after(turn);
    step_ = turn.step;
    if (slot.failure) std::rethrow_exception(slot.failure);
    if (has_room() && !busy_) room_.notify_one();
    return slot.rows;
}

void Prefetcher::record(std::uint64_t first, std::uint64_t last) {
    const std::lock_guard lock(mutex_);
    first_recorded_ = first;
    last_recorded_ = last;
    stays_.reserve((last - first + 1) * std::max<std::size_t>(turns_.mine.size(), 1));
}

std::vector<comm::PhaseClock::Stay> Prefetcher::stays() const {
    const std::lock_guard lock(mutex_);
    return stays_;
}

std::size_t Prefetcher::bytes(std::size_t dimensions, std::size_t max_rows) {
    return slots_for(dimensions, max_rows) * Loader::bytes(dimensions, max_rows);
}

Rows Prefetcher::make(Loader& loader, const Turn& turn, const Waiting& waiting) {
    const auto epoch = static_cast<std::uint32_t>(turn.epoch);
    const Stream noise{seed_, Purpose::binarize, epoch};
    const bool odd = odd_ && odd_->epoch == turn.epoch;
    if (Feed* const feed = odd ? odd_->feed.get() : feed_.get()) return loader.take(feed->take(turn, waiting), noise);
    const EpochOrder order(seed_, epoch, odd ? odd_->ordering : ordering_of(turns_));
    return loader.take(turns_.positions(turn), order, noise);
}

void Prefetcher::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        // One slot is the caller's still.
        const bool full = made_ - taken_ == slots_.size() - 1;
        if (full || next_to_make_.step == 0)
            room_.wait(lock, [this] { return ending_ || (has_room() && next_to_make_.step > 0); });
        if (ending_) return;
        busy_ = true;
        Slot& slot = slots_[made_ % slots_.size()];
        const Turn turn = next_to_make_;
        lock.unlock();
        const std::int64_t begin = comm::PhaseClock::nanoseconds();
        slot.failure = nullptr;
        try {
            slot.rows = make(slot.loader, turn, {});
        } catch (...) {
            slot.failure = std::current_exception();
        }
        const std::int64_t end = comm::PhaseClock::nanoseconds();
        lock.lock();
        busy_ = false;
        ++made_;
        next_to_make_ = turns_.after(turn);
        const bool last = turn.epoch < turns_.epochs && next_to_make_.epoch >= turns_.epochs;
        if (last) next_to_make_ = {}; // what follows is made when it is asked for after all
        if (step_ >= first_recorded_ && step_ <= last_recorded_)
            stays_.push_back({begin, end, turn.step, comm::Phase::batch});
        news_.notify_one();
    }
}

} // namespace elbo::data
