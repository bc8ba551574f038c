#include "comm/exchange.hpp"

#include "numerics/any_matrix.hpp"
#include "numerics/sums.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>

namespace elbo::comm {
namespace {

/// Buckets that have not arrived and are looked at in turn.
constexpr int looks_at_once = 3;
/// Looks without an arrival after which the backward pass goes on.
constexpr int idle_looks = 4;

/// Empty looks before a waiting rank lets another have its core.
constexpr std::uint64_t patience = 4096;

/// Tells the core that this is a loop that waits.
void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

} // namespace

std::size_t Exchange::owned_elements() const { return own_.front() + updated_.front().size(); }

std::size_t Exchange::bytes_read() const {
    std::size_t others = 0;
    for (const std::vector<Place>& parts : node_parts_)
        others += static_cast<std::size_t>(
            std::ranges::count_if(parts, [this](const Place& place) { return place.local != me_; }));
    std::size_t mine = 0;
    for (const Slice slice : owned_) mine += slice.size();
    return others * mine * sizeof(float);
}

void Exchange::write_values(const std::function<void(std::span<float>)>& write) {
    if (nodes_.node().first()) write(values());
    nodes_.node().barrier();
    round_values();
}

void Exchange::round_values() {
    if (rounded_ == nullptr) return;
    for (const Slice slice : updated_)
        copy({values_ + slice.begin, 1, slice.size()}, {rounded_ + slice.begin, 1, slice.size()});
    nodes_.node().barrier();
}

Wishes Exchange::step(const Evaluate& evaluate, const UpdateSlice& update, const BeforeUpdate& before_update) {
    final_from_ = elements_;
    begun_ = completed_ = 0;
    verdict_ = {};
    update_ = before_update ? nullptr : &update;
    if (remote()) remote_->begin_step();
    for (std::size_t i = 0; i < roots_.size(); ++i) sum_subtree(roots_[i], i, evaluate);
    mark_final(0);
    wait_until([this] { return completed_ == buckets_.size(); });
    if (before_update) {
        const bool wanted = before_update(agree_on_node());
        for (std::size_t i = 0; wanted && i < updated_.size(); ++i)
            if (updated_[i].size() > 0 && !update(updated_[i], own_[i])) verdict_.add(Wish::not_finite);
    }
    ++steps_;
    return agree_on_node();
}

void Exchange::sum_subtree(Leaves node, std::size_t into, const Evaluate& evaluate) {
    const bool last = node.end == leaves_.end;
    if (node.size() == 1) {
        const FinalFrom final_from = [this, last](std::size_t offset) {
            if (last) mark_final(offset);
        };
        evaluate(node.begin, {slot(me_, into), parameters_}, final_from);
        return;
    }
    const std::size_t split = canonical_split(node);
    sum_subtree({node.begin, split}, into, evaluate);
    sum_subtree({split, node.end}, into + 1, evaluate);
    if (last) return; // mark_final() folds what the last leaf completes, range by range
    const std::span<float> sum(slot(me_, into), parameters_);
    add(sum, {slot(me_, into + 1), parameters_}, sum);
}

void Exchange::mark_final(std::size_t from) {
    if (from >= final_from_) {
        progress();
        return;
    }
    const bool first = final_from_ == elements_;
    const std::size_t count = final_from_ - from;
    for (const auto& [into, other] : last_folds_) {
        const std::span<float> sum(slot(me_, into) + from, count);
        add(sum, {slot(me_, other) + from, count}, sum);
    }
    if (first) write_wishes();
    final_from_ = from;
    const auto open =
        std::find_if(buckets_.begin(), buckets_.end(), [from](Slice bucket) { return bucket.begin < from; });
    const auto done = static_cast<std::uint64_t>(open - buckets_.begin());
    flags_[me_].buckets_final.store(steps_ * buckets_.size() + done, std::memory_order_release);
    progress();
}

/// Behind the last of this rank's sums; behind the others stand zeros.
void Exchange::write_wishes() {
    for (std::size_t root = 0; root < roots_.size(); ++root)
        for (std::size_t i = 0; i < wish_count; ++i)
            slot(me_, root)[parameters_ + i] = root + 1 == roots_.size() && wishes_.any(Wish{i}) ? 1.0F : 0.0F;
    wishes_ = {};
}

/// What this rank's slices say, told to all ranks of the node. The owner of the wishes' own elements is on every node.
Wishes Exchange::agree_on_node() {
    const std::size_t which = barriers_ % 2;
    flags_[me_].wishes[which].store(verdict_.bits_, std::memory_order_relaxed);
    node_barrier();
    Wishes all;
    for (std::size_t local = 0; local < locals_; ++local)
        all.bits_ |= flags_[local].wishes[which].load(std::memory_order_relaxed);
    return all;
}

bool Exchange::all_final(std::size_t bucket) const {
    const std::uint64_t needed = steps_ * buckets_.size() + bucket + 1;
    for (std::size_t local = 0; local < locals_; ++local)
        if (flags_[local].buckets_final.load(std::memory_order_acquire) < needed) return false;
    return true;
}

void Exchange::progress() {
    for (; begun_ < buckets_.size() && all_final(begun_); ++begun_) {
        const InPhase work(clock_, Phase::exchange);
        if (between_) begun_at_[begun_] = PhaseClock::nanoseconds();
        if (!remote()) {
            sum_on_node(begun_, 0, slot(me_, 0) + owned_[begun_].begin);
            complete(begun_);
            continue;
        }
        for (std::size_t root = 0; root < node_sums_.size(); ++root)
            sum_on_node(begun_, root, remote_->outgoing(begun_, root));
        remote_->send(begun_);
    }
    if (completed_ < begun_) drive_messages();
}

void Exchange::drive_messages() {
    // While computing it is the messages' cost; while waiting there is nothing else to do.
    const InPhase driving(clock_, clock_ && clock_->phase() == Phase::waiting ? Phase::waiting : Phase::messages);
    // Each look has MPI look at its connections. Buckets arrive about in their order, so that few of those under way
    // are worth one; but as long as some arrive there is more to fetch and to send.
    for (int idle = 0; completed_ < begun_ && idle < idle_looks; ++idle) {
        std::size_t bucket = completed_;
        for (int looks = 0; bucket < begun_ && looks < looks_at_once; ++bucket) {
            if (!remote_->advance(bucket)) {
                ++looks;
            } else if (bucket == completed_) {
                if (clock_ && clock_->recording()) record_flight(bucket);
                complete(bucket);
                idle = 0;
            }
        }
    }
}

void Exchange::record_flight(std::size_t bucket) {
    std::int64_t begin = begun_at_[bucket];
    if (!flights_.empty()) begin = std::max(begin, flights_.back().end);
    flights_.push_back({begin, PhaseClock::nanoseconds(), clock_->step(), Phase::messages});
}

void Exchange::sum_on_node(std::size_t bucket, std::size_t root, float* out) {
    sources_.clear();
    for (const Place place : node_parts_[root])
        sources_.push_back(slot(place.local, place.slot) + owned_[bucket].begin);
    node_sums_[root](sources_, owned_[bucket].size(), out);
}

void Exchange::complete(std::size_t bucket) {
    const InPhase work(clock_, Phase::exchange);
    const Slice slice = updated_[bucket];
    for (std::size_t i = 0; owned_[bucket].end > slice.end && i < wish_count; ++i)
        if (const std::size_t at = parameters_ + i; at >= owned_[bucket].begin && at < owned_[bucket].end)
            if (slot(me_, 0)[at] != 0) verdict_.add(Wish{i});
    if (update_ && slice.size() > 0 && !(*update_)(slice, own_[bucket])) verdict_.add(Wish::not_finite);
    ++completed_;
}

double Exchange::gradient_norm() {
    const std::span<const float> gradient = gradients();
    for (const Slice slice : updated_)
        for (std::size_t begin = slice.begin; begin < slice.end; begin += sum_block)
            squares_[begin / sum_block] =
                sum_of_squares(gradient.subspan(begin, std::min(sum_block, slice.end - begin)));
    node_barrier();
    return std::sqrt(tree_sum({squares_, (parameters_ + sum_block - 1) / sum_block}));
}

std::int64_t Exchange::values_hash() {
    std::int64_t mine = 0;
    for (const Slice slice : updated_)
        for (std::size_t begin = slice.begin; begin < slice.end; begin += sum_block)
            mine ^= hash_bits(values().subspan(begin, std::min(sum_block, slice.end - begin)), begin);
    std::int64_t whole = 0;
    for (const std::int64_t part : nodes_.node().gather(mine)) whole ^= part;
    return whole;
}

void Exchange::node_barrier() {
    flags_[me_].barriers.store(++barriers_, std::memory_order_release);
    wait_until([this] {
        for (std::size_t local = 0; local < locals_; ++local)
            if (flags_[local].barriers.load(std::memory_order_acquire) < barriers_) return false;
        return true;
    });
}

template <class Done>
void Exchange::wait_until(const Done& done) {
    progress();
    if (done()) return;
    const InPhase waiting(clock_, Phase::waiting);
    for (std::uint64_t looks = 0;; ++looks) {
        progress();
        if (done()) return;
        if (remote() && looks % 64 == 63) remote_->poke();
        if (crowded_ || looks >= patience) sched_yield();
        relax();
    }
}

} // namespace elbo::comm
