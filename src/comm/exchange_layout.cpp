// How an exchange is laid out: buckets, who owns what of them, which sums each rank forms, and where it all stands in
// the memory that a node shares.
#include "comm/cores.hpp"
#include "comm/exchange.hpp"
#include "numerics/any_matrix.hpp"
#include "numerics/memory.hpp"
#include "numerics/sums.hpp"

#include <algorithm>
#include <exception>

namespace elbo::comm {
namespace {

/// On one node small buckets serve, so that gradients are summed and used while they are still in the cache: 128 KiB a
/// rank, 1 MiB at most.
constexpr std::size_t most_blocks_a_bucket = 64, blocks_a_rank = 8;

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// The additions into slots from `into` on that follow the last leaf of a subtree, innermost first.
void folds_after_last(Leaves node, std::size_t into, std::vector<std::pair<std::size_t, std::size_t>>& folds) {
    if (node.size() < 2) return;
    folds_after_last({canonical_split(node), node.end}, into + 1, folds);
    folds.emplace_back(into, into + 1);
}

} // namespace

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
      exceptions_(std::uncaught_exceptions()),
      crowded_(cores_of_node(nodes.node()).must_share()) {
    if (virtual_ranks < static_cast<std::size_t>(nodes.world().size()))
        fail("{} virtual ranks cannot be dealt to {} ranks", virtual_ranks, nodes.world().size());
    plan_buckets(messages);
    for (const Slice bucket : buckets_) {
        owned_.push_back(owned_of(bucket, me_, locals_));
        updated_.push_back({std::min(owned_.back().begin, parameters), std::min(owned_.back().end, parameters)});
    }
    own_.resize(buckets_.size());
    begun_at_.resize(buckets_.size());
    for (std::size_t i = buckets_.size(), own = 0; i-- > 0; own += updated_[i].size()) own_[i] = own;
    folds_after_last(roots_.back(), roots_.size() - 1, last_folds_);
    plan_node_sums();
    map_memory(precision);
    if (between_)
        remote_ = std::make_unique<Remote>(nodes, virtual_ranks, buckets_, between_->route, between_->precision,
                                           slot(me_, 0));
    nodes.world().barrier();
}

Exchange::~Exchange() {
    if (remote_ && std::uncaught_exceptions() > exceptions_) remote_->leave(std::move(memory_));
}

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
    memory_ = std::make_unique<NodeMemory>(nodes_, bytes, "parameters and gradients");
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

} // namespace elbo::comm
