// The exchange of gradients. A node is one replica: its ranks share the values and read each other's gradients in
// place; each owns slices, whose sum over all virtual ranks it forms, exchanging only them with its counterparts on
// other nodes, and updates. The sum's order is the canonical tree's, so that its bits do not depend on the layout.
#pragma once

#include "comm/node_memory.hpp"
#include "comm/nodes.hpp"
#include "comm/phase_clock.hpp"
#include "comm/remote.hpp"
#include "comm/slices.hpp"
#include "comm/summation.hpp"
#include "numerics/bfloat16.hpp"
#include "numerics/memory.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace elbo::comm {

/// Called in a backward pass: from this offset of the flat arrays on, gradients are final and values no longer needed.
/// With an offset that was passed already, or one behind the arrays, messages under way are looked after.
using FinalFrom = std::function<void(std::size_t offset)>;
/// Computes a virtual rank's gradient, overwriting `gradients`; may tell what is final before it returns.
using Evaluate = std::function<void(std::size_t virtual_rank, std::span<float> gradients, const FinalFrom& final_from)>;
/// Updates the values of a slice from its gradients; false where a new value is not finite. own: the slice's first
/// place among all elements that this rank owns, in their order.
using UpdateSlice = std::function<bool(Slice slice, std::size_t own)>;

/// What one rank may want all to do after a step. Wishes travel with the gradient: a few elements behind the
/// parameters' own, summed with them, so that all ranks learn of them at the same step without a message more.
enum class Wish : std::size_t { stop, save, not_finite };
constexpr std::size_t wish_count = 3;

/// The wishes of all ranks together.
class Wishes {
public:
    bool any(Wish wish) const { return (bits_ >> static_cast<std::size_t>(wish) & 1U) != 0; }
    void add(Wish wish) { bits_ |= 1U << static_cast<std::size_t>(wish); }

private:
    friend class Exchange;
    std::uint32_t bits_ = 0;
};

/// Whether the updates are to be made, now that the gradient is whole.
using BeforeUpdate = std::function<bool(Wishes wishes)>;

class Exchange {
public:
    /// parameters: floats of a flat array. precision: bf16 keeps a rounded copy of the values. Collective.
    /// Where there are several nodes, what `messages` leaves open is chosen by measuring the network.
    Exchange(const Nodes& nodes, std::size_t parameters, std::size_t virtual_ranks,
             Precision precision = Precision::fp32, const Messages& messages = {});
    /// While an exception unwinds, all that messages between nodes need stays until the process ends: MPI may still
    /// receive into it, and the other ranks need not know of the end.
    ~Exchange();
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    /// One copy a node, the same on all between steps and while gradients are computed.
    std::span<float> values() { return {values_, parameters_}; }
    /// The values in bf16, element for element, one copy a node as well; empty in fp32. An update writes both.
    std::span<BFloat16> rounded() { return {rounded_, rounded_ == nullptr ? 0 : parameters_}; }
    /// The complete gradient, within what this rank owns; during an update.
    std::span<float> gradients() { return {slot(me_, 0), parameters_}; }

    /// Tells a clock what of a step is the exchange's own work (sums, messages) and what is waiting for other ranks.
    void account_by(PhaseClock* clock) {
        clock_ = clock;
        if (remote_) remote_->account_by(clock);
    }

    /// Bytes that this rank sends to other nodes in a step, and of gradients of its node's other ranks that it reads.
    std::size_t bytes_sent() const { return remote_ ? remote_->bytes_sent() : 0; }
    std::size_t remote_bytes() const { return remote_ ? remote_->bytes() : 0; } ///< memory of this rank for messages
    std::size_t messages_sent() const { return remote_ ? remote_->messages_sent() : 0; }
    std::size_t bytes_read() const;
    /// Of this node's ranks, so far.
    std::uint64_t barriers() const { return barriers_; }
    /// How gradients travel between nodes; nullopt on one node.
    struct Between {
        std::optional<Network> network; ///< where it was measured
        Route route;
        Precision precision;
        std::size_t buckets, bucket_bytes;
    };
    const std::optional<Between>& between() const { return between_; }

    /// For measuring: steps without messages, so that nodes sum and update by themselves and come to differ.
    void leave_out_messages(bool out) { silent_ = out; }
    /// Nanoseconds of the clock at which each bucket of the last step could begin: every rank of the node had passed
    /// it.
    std::span<const std::int64_t> begun() const { return begun_at_; }
    /// When buckets were under way between nodes, in steps that the clock records: each from where it began, or the one
    /// before it was done, until it was done.
    const std::vector<PhaseClock::Stay>& flights() const { return flights_; }

    /// The slices whose update is this rank's, one a bucket (it may be empty).
    std::span<const Slice> owned() const { return updated_; }
    std::size_t owned_elements() const; ///< of all of them

    /// Has all ranks learn of a wish at the end of the step that is under way or, where this rank's first gradient of
    /// it is final already, of the next.
    void wish(Wish wish) { wishes_.add(wish); }

    /// Has the first rank of each node write the values. Collective.
    void write_values(const std::function<void(std::span<float>)>& write);
    /// Makes the rounded copy of values that something else than an update has written. Collective.
    void round_values();

    /// A step: gradients of this rank's virtual ranks, their sum over all, and the update of what this rank owns. With
    /// before_update, updates wait until the whole gradient is known, and it is called first (for its norm) and
    /// decides. Afterwards values() is new. Returns what any rank wished, not_finite also where an update said so: the
    /// same on all ranks. Collective.
    Wishes step(const Evaluate& evaluate, const UpdateSlice& update, const BeforeUpdate& before_update = {});

    /// Euclidean norm of the complete gradient: the same bits on every rank and layout. In before_update
    /// or after a step; collective.
    double gradient_norm();

    /// A hash of the values, formed by the ranks of each node; differs between nodes only where the values do.
    /// Collective.
    std::int64_t values_hash();

    /// Puts together for rank 0 what the owners on its node hold of array number `index`. mine: owned_elements()
    /// floats, in the elements' order. Where the node shares enough memory, the whole stands in that of the gradients:
    /// until the next step, which the ranks must not begin before rank 0 has done with it. Else it stands in `room`.
    /// Others get nothing. Collective.
    std::span<float> gather(std::size_t index, std::span<const float> mine, std::vector<float>& room);
    /// The reverse, from rank 0 to the owners on every node. Collective.
    void scatter(std::span<const float> whole, std::span<float> mine) const;

    /// Gradient arrays that a rank with these virtual ranks keeps: at most 2 log2 V.
    static std::size_t gradient_arrays(std::size_t virtual_ranks, Leaves leaves);

private:
    /// What a rank tells the others of its node; a cache line each.
    struct alignas(alignment) Flags {
        std::atomic<std::uint64_t> buckets_final; ///< counted over all steps
        std::atomic<std::uint64_t> barriers;
        std::atomic<std::uint32_t> wishes[2]; ///< that this rank knows of; one is written before every other barrier
    };
    /// A gradient array of a rank of this node.
    struct Place {
        std::size_t local, slot;
    };

    float* slot(std::size_t local, std::size_t index) { return slots_[local] + index * elements_; }
    void plan_buckets(const Messages& messages);
    void plan_node_sums();
    void map_memory(Precision precision);
    void sum_subtree(Leaves node, std::size_t into, const Evaluate& evaluate);
    void mark_final(std::size_t from);
    void write_wishes();
    Wishes agree_on_node();
    bool all_final(std::size_t bucket) const;
    bool remote() const { return remote_ && !silent_; }
    void progress();
    void drive_messages();
    void record_flight(std::size_t bucket);
    void sum_on_node(std::size_t bucket, std::size_t root, float* out);
    void complete(std::size_t bucket);
    void node_barrier();
    template <class Done>
    void wait_until(const Done& done);

    const Nodes& nodes_;
    std::size_t parameters_, elements_, virtual_ranks_, me_, locals_; ///< elements: of parameters and wishes
    Leaves leaves_;
    std::vector<Leaves> roots_;          ///< of this rank's leaves: root i is summed in slot i
    std::vector<Slice> buckets_;         ///< in the order in which a backward pass finishes
    std::vector<Slice> owned_, updated_; ///< of each bucket; the same, without the wishes
    std::vector<std::size_t> own_;       ///< of each of updated_: its first place among all
    std::vector<Summation> node_sums_;   ///< one for each root of the node's leaves
    std::vector<std::vector<Place>> node_parts_;
    std::vector<const float*> sources_;                           ///< of the node sum that is being formed
    std::vector<std::pair<std::size_t, std::size_t>> last_folds_; ///< slot += slot, after the last leaf

    std::unique_ptr<NodeMemory> memory_;
    float* values_ = nullptr;
    BFloat16* rounded_ = nullptr;
    std::vector<float*> slots_; ///< of each rank of the node: its first gradient array
    double* squares_ = nullptr; ///< of the gradient, a sum each block
    Flags* flags_ = nullptr;    ///< of each rank of the node
    std::optional<Between> between_;
    std::unique_ptr<Remote> remote_; ///< none on a single node
    bool silent_ = false;            ///< remote_ is left out
    int exceptions_;                 ///< that unwound when this was made
    bool crowded_;                   ///< more ranks than cores: who waits makes room at once

    PhaseClock* clock_ = nullptr;
    std::uint64_t steps_ = 0, barriers_ = 0;
    std::size_t final_from_ = 0;            ///< of this step
    std::size_t begun_ = 0, completed_ = 0; ///< buckets of this step
    std::vector<std::int64_t> begun_at_;    ///< of each bucket
    std::vector<PhaseClock::Stay> flights_;
    const UpdateSlice* update_ = nullptr; ///< to be called as soon as a bucket is complete
    Wishes wishes_;                       ///< this rank's, of the step to come
    Wishes verdict_;                      ///< of what this rank owns of the step
};

} // namespace elbo::comm
