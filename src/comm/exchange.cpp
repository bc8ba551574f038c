#include "comm/exchange.hpp"

#include "comm/cores.hpp"
#include "comm/mpi_call.hpp"
#include "numerics/any_matrix.hpp"
#include "numerics/memory.hpp"
#include "numerics/sums.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>

namespace elbo::comm {
namespace {

/// On one node small buckets serve, so that gradients are summed and used while they are still in the cache: 128 KiB a
/// rank, 1 MiB at most.
constexpr std::size_t most_blocks_a_bucket = 64, blocks_a_rank = 8;

/// Empty looks before a waiting rank lets another have its core.
constexpr int patience = 4096;

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// Tells the core that this is a loop that waits.
void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/// The additions into slots from `into` on that follow the last leaf of a subtree, innermost first.
void folds_after_last(Leaves node, std::size_t into, std::vector<std::pair<std::size_t, std::size_t>>& folds) {
    if (node.size() < 2) return;
    folds_after_last({canonical_split(node), node.end}, into + 1, folds);
    folds.emplace_back(into, into + 1);
}

} // namespace

/// What a rank tells the others of its node; a cache line each.
struct alignas(alignment) Exchange::Flags {
    std::atomic<std::uint64_t> buckets_final; ///< counted over all steps
    std::atomic<std::uint64_t> barriers;
    std::atomic<std::uint32_t> wishes[2]; ///< that this rank knows of; one is written before every other barrier
};

std::size_t Exchange::gradient_arrays(std::size_t virtual_ranks, Leaves leaves) {
    std::size_t arrays = 0, index = 0;
    for (const Leaves root : maximal_subtrees(virtual_ranks, leaves))
        arrays = std::max(arrays, index++ + arrays_of_subtree(root));
    return arrays;
}

Exchange::Exchange(const Nodes& nodes, std::size_t parameters, std::size_t virtual_ranks, Precision precision,
                   const Messages& messages)
    : nodes_(nodes),
      parameters_(parameters),
      elements_(aligned((parameters + wish_count) * sizeof(float)) / sizeof(float)),
      virtual_ranks_(virtual_ranks),
      me_(static_cast<std::size_t>(nodes.node().rank())),
      locals_(static_cast<std::size_t>(nodes.node().size())),
      leaves_(nodes.my_leaves(virtual_ranks)),
      roots_(maximal_subtrees(virtual_ranks, leaves_)),
      crowded_(cores_of_node(nodes.node()).must_share()) {
    if (virtual_ranks < static_cast<std::size_t>(nodes.world().size()))
        fail("{} virtual ranks cannot be dealt to {} ranks", virtual_ranks, nodes.world().size());
    plan_buckets(messages);
    for (const Slice bucket : buckets_) {
        owned_.push_back(owned_of(bucket, me_, locals_));
        updated_.push_back({std::min(owned_.back().begin, parameters), std::min(owned_.back().end, parameters)});
    }
    own_.resize(buckets_.size());
    for (std::size_t i = buckets_.size(), own = 0; i-- > 0; own += updated_[i].size()) own_[i] = own;
    folds_after_last(roots_.back(), roots_.size() - 1, last_folds_);
    plan_node_sums();
    map_memory(precision);
    if (between_)
        remote_ = std::make_unique<Remote>(nodes, virtual_ranks, buckets_, between_->route, between_->precision,
                                           slot(me_, 0));
    nodes.world().barrier();
}

Exchange::~Exchange() = default;

void Exchange::plan_buckets(const Messages& messages) {
    if (nodes_.count() == 1) {
        buckets_ = buckets_of(elements_, std::min(most_blocks_a_bucket, blocks_a_rank * locals_));
        return;
    }
    std::size_t locals = 0;
    for (std::size_t node = 0; node < nodes_.count(); ++node) locals = std::max(locals, nodes_.ranks(node).size());
    std::optional<Network> network;
    if (!messages.bucket_bytes || !messages.route) network = measure_network(nodes_);
    const Chosen chosen =
        choose(network.value_or(Network{}), messages, shares_of(nodes_, virtual_ranks_), elements_, locals);
    buckets_ = buckets_of(elements_, chosen.bucket_blocks);
    between_ = {network, chosen.route, messages.precision, buckets_.size(),
                chosen.bucket_blocks * sum_block * sizeof(float)};
}

void Exchange::plan_node_sums() {
    std::vector<Leaves> parts;
    std::vector<Place> places;
    for (std::size_t local = 0; local < locals_; ++local) {
        std::size_t slot = 0;
        for (const Leaves root :
             maximal_subtrees(virtual_ranks_, nodes_.leaves_of(nodes_.mine(), local, virtual_ranks_))) {
            parts.push_back(root);
            places.push_back({local, slot++});
        }
    }
    std::size_t first = 0;
    for (const Leaves whole : maximal_subtrees(virtual_ranks_, nodes_.leaves_of(nodes_.mine(), virtual_ranks_))) {
        std::size_t last = first;
        while (last < parts.size() && whole.contains(parts[last])) ++last;
        node_sums_.emplace_back(whole, std::span(parts).subspan(first, last - first));
        node_parts_.emplace_back(places.begin() + static_cast<std::ptrdiff_t>(first),
                                 places.begin() + static_cast<std::ptrdiff_t>(last));
        first = last;
    }
    sources_.reserve(parts.size());
}

void Exchange::map_memory(Precision precision) {
    const std::size_t array = aligned(parameters_ * sizeof(float));
    const std::size_t copy_array = precision == Precision::bf16 ? aligned(parameters_ * sizeof(BFloat16)) : 0;
    const std::size_t blocks = (parameters_ + sum_block - 1) / sum_block;
    std::vector<std::size_t> arrays;
    std::size_t bytes = array + copy_array + aligned(blocks * sizeof(double)) + locals_ * sizeof(Flags);
    for (std::size_t local = 0; local < locals_; ++local) {
        arrays.push_back(gradient_arrays(virtual_ranks_, nodes_.leaves_of(nodes_.mine(), local, virtual_ranks_)));
        bytes += aligned(arrays.back() * elements_ * sizeof(float));
    }
    memory_ = std::make_unique<NodeMemory>(nodes_.node(), bytes, "parameters and gradients");
    std::byte* next = memory_->data();
    const auto take = [&next](std::size_t size) { return std::exchange(next, next + aligned(size)); };
    values_ = reinterpret_cast<float*>(take(array));
    if (copy_array > 0) rounded_ = reinterpret_cast<BFloat16*>(take(copy_array));
    squares_ = reinterpret_cast<double*>(take(blocks * sizeof(double)));
    flags_ = reinterpret_cast<Flags*>(take(locals_ * sizeof(Flags)));
    for (const std::size_t count : arrays)
        slots_.push_back(reinterpret_cast<float*>(take(count * elements_ * sizeof(float))));

    // Pages lie where they are first touched: near the rank that works on them.
    std::fill_n(slots_[me_], arrays[me_] * elements_, 0.0F);
    for (const Slice slice : updated_) {
        std::fill(values_ + slice.begin, values_ + slice.end, 0.0F);
        if (rounded_ != nullptr) std::fill(rounded_ + slice.begin, rounded_ + slice.end, BFloat16());
    }
}

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
    for (std::size_t bucket = completed_; bucket < begun_; ++bucket)
        if (remote_->advance(bucket) && bucket == completed_) complete(bucket);
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
    for (int looks = 0;; ++looks) {
        progress();
        if (done()) return;
        if (remote() && looks % 64 == 63) remote_->poke();
        if (crowded_ || looks >= patience) sched_yield();
        relax();
    }
}

} // namespace elbo::comm
