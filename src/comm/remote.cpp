#include "comm/remote.hpp"

#include "comm/mpi_call.hpp"
#include "numerics/any_matrix.hpp"
#include "numerics/memory.hpp"
#include "numerics/sums.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

namespace elbo::comm {
namespace {

/// Between two ranks for a bucket: far more than the subtrees and pieces that a slice can have.
constexpr std::size_t most_messages = 1024;

/// Messages of one direction for one stage; prepared once, started every step.
class Requests {
public:
    Requests() = default;
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;
    ~Requests() {
        for (MPI_Request& request : all_) MPI_Request_free(&request);
    }
    MPI_Request* add() { return &all_.emplace_back(MPI_REQUEST_NULL); }
    void start() {
        if (!all_.empty()) check(MPI_Startall(static_cast<int>(all_.size()), all_.data()), "MPI_Startall");
    }
    bool done() {
        int flag = 1;
        if (!all_.empty())
            check(MPI_Testall(static_cast<int>(all_.size()), all_.data(), &flag, MPI_STATUSES_IGNORE), "MPI_Testall");
        return flag != 0;
    }

private:
    std::vector<MPI_Request> all_;
};

/// Floats that travel in bf16, and the copy that does.
struct Rounded {
    std::span<float> exact;
    BFloat16* copy;

    AnyMatrix floats() const { return {exact.data(), 1, exact.size()}; }
    AnyMatrix halves() const { return {copy, 1, exact.size()}; }
    void widen() const { elbo::copy(halves(), floats()); }
    /// What is sent is rounded here as well, so that all nodes go on with the same numbers.
    void round() const {
        elbo::copy(floats(), halves());
        widen();
    }
};

/// A plan's stage with its pointers.
struct Step {
    struct Sum {
        float *a, *b, *into;
        std::size_t count;
    };
    struct Whole {
        std::vector<const float*> sources;
        float* into;
        std::size_t count;
    };
    Requests sends, receives, totals; ///< totals: received where the sum goes, so not before the bucket is sent
    std::vector<Rounded> sent, received;
    std::vector<Sum> additions;
    std::vector<Whole> wholes;
};

/// The pieces of a slice within which every node has one owner.
std::vector<Slice> common_pieces(const Nodes& nodes, Slice bucket, Slice mine) {
    std::vector<std::size_t> cuts = {mine.begin, mine.end};
    for (std::size_t node = 0; node < nodes.count(); ++node)
        for (std::size_t local = 0; local < nodes.ranks(node).size(); ++local) {
            const std::size_t cut = owned_of(bucket, local, nodes.ranks(node).size()).end;
            if (cut > mine.begin && cut < mine.end) cuts.push_back(cut);
        }
    std::ranges::sort(cuts);
    std::vector<Slice> pieces;
    for (std::size_t i = 1; i < cuts.size(); ++i)
        if (cuts[i] > cuts[i - 1]) pieces.push_back({cuts[i - 1], cuts[i]});
    return pieces;
}

/// World rank of the node's rank that owns a piece.
int owner_of(const Nodes& nodes, std::size_t node, Slice bucket, Slice piece) {
    const std::vector<int>& ranks = nodes.ranks(node);
    std::size_t local = 0;
    while (owned_of(bucket, local, ranks.size()).end < piece.end) ++local;
    return ranks[local];
}

} // namespace

Shares shares_of(const Nodes& nodes, std::size_t virtual_ranks) {
    std::vector<Leaves> leaves;
    for (std::size_t node = 0; node < nodes.count(); ++node) leaves.push_back(nodes.leaves_of(node, virtual_ranks));
    return {virtual_ranks, leaves};
}

struct Remote::State {
    /// One bucket: this rank's slice of it.
    struct Bucket {
        Slice mine;
        float* partial = nullptr; ///< of each root of this node, one after the other
        std::deque<Step> steps;
        std::size_t step = 0;              ///< under way
        std::map<int, int> sent, received; ///< messages to and from each rank
    };

    const Nodes& nodes;
    Shares shares;
    Precision precision;
    float* totals;
    MPI_Comm comm = MPI_COMM_NULL;
    int exceptions = std::uncaught_exceptions();
    Summation total;
    std::deque<Bucket> buckets;
    std::deque<AlignedFloats> rooms;
    PhaseClock* clock = nullptr;
    /// In bf16, of what is sent in a step, to several perhaps.
    std::map<std::tuple<const Step*, const float*, std::size_t>, BFloat16*> copies;
    std::size_t bytes_sent = 0, messages_sent = 0; ///< in a step
    std::unique_ptr<NodeMemory> kept;              ///< see leave()
    State* left_before = nullptr;                  ///< the same

    State(const Nodes& all, std::size_t virtual_ranks, Precision sent_as, float* sums)
        : nodes(all),
          shares(shares_of(all, virtual_ranks)),
          precision(sent_as),
          totals(sums),
          total(shares.all(), shares.roots()) {
        check(MPI_Comm_dup(handle_of(nodes.world()), &comm), "MPI_Comm_dup");
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    /// While an exception unwinds, the communicator is left: freeing it is collective, and the others may not come.
    ~State() {
        buckets.clear();
        if (comm != MPI_COMM_NULL && std::uncaught_exceptions() <= exceptions) MPI_Comm_free(&comm);
    }

    float* room(std::size_t floats) { return rooms.emplace_back(floats).span().data(); }

    void add_bucket(Slice slice, Route route) {
        const auto me = static_cast<std::size_t>(nodes.node().rank());
        Bucket& bucket = buckets.emplace_back();
        bucket.mine = owned_of(slice, me, nodes.ranks(nodes.mine()).size());
        bucket.partial = room(shares.roots(nodes.mine()).size() * bucket.mine.size());
        for (const Slice piece : common_pieces(nodes, slice, bucket.mine)) {
            std::vector<int> peers;
            for (std::size_t node = 0; node < nodes.count(); ++node)
                peers.push_back(owner_of(nodes, node, slice, piece));
            add_piece(bucket, piece, peers, plan_of(route, shares, nodes.mine(), piece.size()));
        }
    }

    /// peers: who has the piece on each node.
    void add_piece(Bucket& bucket, Slice piece, const std::vector<int>& peers, const Plan& plan) {
        float* const inbox = room(plan.inbox);
        const auto at = [&](Place place) {
            if (place.area == Area::inbox) return inbox + place.offset;
            if (place.area == Area::total) return totals + piece.begin + place.offset;
            const std::size_t root = place.offset / piece.size(), element = place.offset % piece.size();
            return bucket.partial + root * bucket.mine.size() + (piece.begin - bucket.mine.begin) + element;
        };
        while (bucket.steps.size() < plan.stages.size()) bucket.steps.emplace_back();
        for (std::size_t i = 0; i < plan.stages.size(); ++i) {
            const Stage& stage = plan.stages[i];
            Step& step = bucket.steps[i];
            for (const Message& message : stage.sends)
                prepare_send(bucket, step, {at(message.place), message.count}, peers[message.node]);
            for (const Message& message : stage.receives)
                prepare_receive(bucket, message.place.area == Area::total ? step.totals : step.receives, step,
                                {at(message.place), message.count}, peers[message.node]);
            for (const Addition& sum : stage.additions)
                step.additions.push_back({at(sum.a), at(sum.b), at(sum.into), sum.count});
            if (!stage.whole) continue;
            Step::Whole& whole = step.wholes.emplace_back(Step::Whole{{}, at(stage.whole->into), stage.whole->count});
            for (const Place source : stage.whole->sources) whole.sources.push_back(at(source));
        }
    }

    void prepare_send(Bucket& bucket, Step& step, std::span<float> values, int peer) {
        void* data = values.data();
        if (precision == Precision::bf16) {
            BFloat16*& copy = copies[{&step, values.data(), values.size()}];
            if (copy == nullptr) step.sent.push_back({values, copy = half_room(values.size())});
            data = copy;
        }
        const int count = static_cast<int>(values.size()), number = tag(bucket.sent[peer]++);
        MPI_Request* const request = step.sends.add();
        check(MPI_Send_init(data, count, element_type(), peer, number, comm, request), "MPI_Send_init");
        bytes_sent += values.size() * bytes_of(precision);
        ++messages_sent;
    }

    void prepare_receive(Bucket& bucket, Requests& requests, Step& step, std::span<float> values, int peer) {
        void* data = values.data();
        if (precision == Precision::bf16) {
            step.received.push_back({values, half_room(values.size())});
            data = step.received.back().copy;
        }
        const int count = static_cast<int>(values.size()), number = tag(bucket.received[peer]++);
        MPI_Request* const request = requests.add();
        check(MPI_Recv_init(data, count, element_type(), peer, number, comm, request), "MPI_Recv_init");
    }

    MPI_Datatype element_type() const { return precision == Precision::bf16 ? MPI_UINT16_T : MPI_FLOAT; }

    BFloat16* half_room(std::size_t count) { return reinterpret_cast<BFloat16*>(room((count + 1) / 2)); }

    /// Of message number `index` between two ranks for the newest bucket: they come in the same order in both plans.
    int tag(int index) const {
        const std::size_t tag = (buckets.size() - 1) * most_messages + static_cast<std::size_t>(index);
        int* most = nullptr;
        int known = 0;
        check(MPI_Comm_get_attr(comm, MPI_TAG_UB, static_cast<void*>(&most), &known), "MPI_Comm_get_attr");
        if (static_cast<std::size_t>(index) >= most_messages || (known && tag > static_cast<std::size_t>(*most)))
            fail("bucket {} of gradients, message {}: more than this MPI has tags for; a larger "
                 "communication.bucket_bytes makes them fewer",
                 buckets.size(), index + 1);
        return static_cast<int>(tag);
    }

    void start(Step& step) {
        {
            const InPhase rounding(step.sent.empty() ? nullptr : clock, Phase::exchange);
            for (const Rounded& rounded : step.sent) rounded.round();
        }
        step.sends.start();
    }

    void sum(const Step& step) {
        const InPhase work(clock, Phase::exchange);
        for (const Rounded& rounded : step.received) rounded.widen();
        for (const Step::Sum& s : step.additions) add({s.a, s.count}, {s.b, s.count}, {s.into, s.count});
        for (const Step::Whole& whole : step.wholes) total(whole.sources, whole.count, whole.into);
    }
};

Remote::Remote(const Nodes& nodes, std::size_t virtual_ranks, std::span<const Slice> buckets, Route route,
               Precision precision, float* totals)
    : state_(std::make_unique<State>(nodes, virtual_ranks, precision, totals)) {
    for (const Slice slice : buckets) state_->add_bucket(slice, route);
}

Remote::~Remote() = default;

void Remote::leave(std::unique_ptr<NodeMemory> totals) noexcept {
    static State* left = nullptr; // never freed, but no leak to those who look for one
    state_->kept = std::move(totals);
    state_->left_before = std::exchange(left, state_.get());
    static_cast<void>(state_.release());
}

void Remote::account_by(PhaseClock* clock) { state_->clock = clock; }

void Remote::begin_step() {
    for (State::Bucket& bucket : state_->buckets)
        for (Step& step : bucket.steps) step.receives.start();
}

float* Remote::outgoing(std::size_t bucket, std::size_t root) {
    const State::Bucket& own = state_->buckets[bucket];
    return own.partial + root * own.mine.size();
}

void Remote::send(std::size_t bucket) {
    State::Bucket& own = state_->buckets[bucket];
    own.step = 0;
    for (Step& step : own.steps) step.totals.start();
    if (!own.steps.empty()) state_->start(own.steps.front());
}

bool Remote::advance(std::size_t bucket) {
    State::Bucket& own = state_->buckets[bucket];
    while (own.step < own.steps.size()) {
        Step& step = own.steps[own.step];
        // Both are tested every time: each test drives MPI's progress.
        const bool received = step.receives.done();
        if (!step.totals.done() || !received) return false;
        state_->sum(step);
        if (++own.step < own.steps.size()) state_->start(own.steps[own.step]);
    }
    return std::ranges::all_of(own.steps, [](Step& step) { return step.sends.done(); });
}

std::size_t Remote::bytes(const Shares& shares, std::size_t node, Route route, Precision precision, std::size_t count) {
    const Plan plan = plan_of(route, shares, node, count);
    std::size_t floats = shares.roots(node).size() * count + plan.inbox, halves = 0;
    for (const Stage& stage : plan.stages) {
        // What goes to several nodes is rounded once.
        std::map<std::tuple<Area, std::size_t, std::size_t>, std::size_t> sent;
        for (const Message& message : stage.sends)
            sent[{message.place.area, message.place.offset, message.count}] = message.count;
        for (const auto& [place, size] : sent) halves += size;
        for (const Message& message : stage.receives) halves += message.count;
    }
    return floats * sizeof(float) + (precision == Precision::bf16 ? halves * sizeof(BFloat16) : 0);
}

std::size_t Remote::bytes() const {
    std::size_t floats = 0;
    for (const AlignedFloats& room : state_->rooms) floats += room.span().size();
    return floats * sizeof(float);
}

std::size_t Remote::bytes_sent() const { return state_->bytes_sent; }
std::size_t Remote::messages_sent() const { return state_->messages_sent; }

void Remote::poke() {
    int flag = 0;
    check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, state_->comm, &flag, MPI_STATUS_IGNORE), "MPI_Iprobe");
}

} // namespace elbo::comm
