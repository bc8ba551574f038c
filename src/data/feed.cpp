#include "data/feed.hpp"

#include "base/error.hpp"
#include "base/thread.hpp"
#include "comm/phase_clock.hpp"
#include "data/piece.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace elbo::data {
namespace {

constexpr std::chrono::milliseconds patience{500};

} // namespace

Feed::Feed(std::shared_ptr<const Source> source, std::unique_ptr<Schedule> schedule, const Turns& turns)
    : source_(std::move(source)),
      schedule_(std::move(schedule)),
      turns_(turns),
      row_bytes_(source_->info().row_bytes()),
      lanes_(schedule_->lanes()) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        lanes_[i].rooms.resize(schedule_->depth());
        // Left as it is: pages that no portion reaches are never taken.
        for (auto& room : lanes_[i].rooms) room.reset(new std::byte[schedule_->rows(i) * row_bytes_]);
        lanes_[i].over = true; // until a course begins
    }
    thread_ = start_thread(fmt::format("to read {} ahead", source_->info().file), [this] { work(); });
}

Feed::~Feed() {
    end();
    thread_.join();
}

void Feed::end() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    room_.notify_one();
    news_.notify_all();
}

std::span<const Located> Feed::take(const Turn& turn, const Waiting& waiting) {
    if (turn != next_ || turn.epoch >= end_epoch_) begin(turn);
    next_ = turns_.after(turn);
    schedule_->locate(turn, spots_);
    located_.resize(spots_.size());
    const std::byte* rows = nullptr;
    for (std::size_t i = 0; i < spots_.size(); ++i) {
        const Spot& spot = spots_[i];
        const bool same_lane = i > 0 && spots_[i - 1].lane == spot.lane;
        if (!same_lane) release(spot.lane, spot.portion);
        if (!same_lane || spots_[i - 1].portion != spot.portion) rows = wait(spot.lane, spot.portion, waiting);
        located_[i] = {spot.sample, rows + spot.row * row_bytes_};
    }
    return located_;
}

void Feed::begin(const Turn& turn) {
    std::unique_lock lock(mutex_);
    ++course_;
    news_.wait(lock, [this] { return !busy_; });
    end_epoch_ =
        turns_.epochs == 0 ? std::numeric_limits<std::uint64_t>::max() : std::max(turns_.epochs, turn.epoch + 1);
    schedule_->begin(turn, end_epoch_);
    failure_ = nullptr;
    for (Lane& lane : lanes_) {
        lane.loaded = lane.released = 0;
        lane.next.reset();
        lane.over = false;
    }
    room_.notify_one();
}

const std::byte* Feed::wait(std::size_t number, std::uint64_t portion, const Waiting& waiting) {
    std::unique_lock lock(mutex_);
    const Lane& lane = lanes_[number];
    const std::int64_t start = lane.loaded > portion ? 0 : comm::PhaseClock::nanoseconds();
    while (lane.loaded <= portion) {
        if (failure_) std::rethrow_exception(failure_);
        if (ending_) fail("{}: no more rows are read", source_->info().file);
        if (lane.over && !busy_) fail("rows that were never asked for: portion {} of lane {}", portion, number);
        if (news_.wait_for(lock, patience) == std::cv_status::timeout && waiting) {
            lock.unlock();
            waiting();
            lock.lock();
        }
    }
    if (start != 0) waited_ += comm::PhaseClock::nanoseconds() - start;
    return lane.rooms[portion % lane.rooms.size()].get();
}

void Feed::release(std::size_t lane, std::uint64_t before) {
    const std::lock_guard lock(mutex_);
    if (lanes_[lane].released >= before) return;
    lanes_[lane].released = before;
    room_.notify_one();
}

/// Of the lanes that have room, the one whose next portion is needed first.
Feed::Lane* Feed::most_needed() {
    Lane* found = nullptr;
    if (failure_) return found;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        Lane& lane = lanes_[i];
        if (lane.over || lane.loaded >= lane.released + lane.rooms.size()) continue;
        if (!lane.next) lane.next = schedule_->next(i);
        lane.over = !lane.next;
        if (lane.next && (!found || lane.next->needed < found->next->needed)) found = &lane;
    }
    return found;
}

void Feed::work() {
    std::unique_lock lock(mutex_);
    while (!ending_) {
        Lane* const lane = most_needed();
        if (!lane) {
            room_.wait(lock);
            continue;
        }
        const Portion portion = std::move(*lane->next);
        lane->next.reset();
        std::byte* const out = lane->rooms[lane->loaded % lane->rooms.size()].get();
        const std::uint64_t course = course_;
        busy_ = true;
        lock.unlock();
        std::exception_ptr failure;
        bool whole = false;
        try {
            whole = read(portion, out, course);
        } catch (...) {
            failure = std::current_exception();
        }
        lock.lock();
        busy_ = false;
        if (course == course_) {
            failure_ = failure;
            if (whole) ++lane->loaded;
        }
        news_.notify_all();
    }
}

/// False where it was broken off.
bool Feed::read(const Portion& portion, std::byte* out, std::uint64_t course) const {
    const std::uint64_t piece = rows_of_a_piece(row_bytes_);
    for (const Range& all : portion.rows)
        for (Range rows{all.begin, 0}; rows.begin < all.end; rows.begin = rows.end) {
            if (ending_ || course != course_) return false;
            rows.end = std::min(all.end, rows.begin + piece);
            const std::size_t bytes = rows.size() * row_bytes_;
            source_->read(rows, {out, bytes});
            out += bytes;
        }
    source_->require_unchanged();
    return true;
}

} // namespace elbo::data
