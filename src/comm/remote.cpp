#include "comm/remote.hpp"

#include "comm/mpi_call.hpp"
#include "numerics/memory.hpp"

#include <algorithm>

namespace elbo::comm {
namespace {

/// Messages of one direction for one bucket; prepared once, started every step.
class Requests {
public:
    Requests() = default;
    Requests(Requests&&) = default;
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

} // namespace

struct Remote::State {
    /// One bucket: this rank's slice of it, and where its parts stand in the buffers.
    struct Bucket {
        Slice mine;
        std::vector<float*> outgoing;      ///< of each root of this node
        std::vector<const float*> sources; ///< of each root of all nodes, in the canonical order
        Requests sends, receives;
    };

    MPI_Comm comm = MPI_COMM_NULL;
    std::vector<std::vector<Leaves>> roots; ///< of each node
    std::vector<Bucket> buckets;
    AlignedFloats buffer;
    Summation total;
    std::size_t bytes_sent = 0; ///< in a step

    static std::vector<std::vector<Leaves>> roots_of(const Nodes& nodes, std::size_t virtual_ranks) {
        std::vector<std::vector<Leaves>> roots;
        for (std::size_t node = 0; node < nodes.count(); ++node)
            roots.push_back(maximal_subtrees(virtual_ranks, nodes.leaves_of(node, virtual_ranks)));
        return roots;
    }

    static std::vector<Leaves> joined(const std::vector<std::vector<Leaves>>& lists) {
        std::vector<Leaves> all;
        for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
        return all;
    }

    State(const Nodes& nodes, std::size_t virtual_ranks)
        : roots(roots_of(nodes, virtual_ranks)), total({0, virtual_ranks}, joined(roots)) {
        check(MPI_Comm_dup(handle_of(nodes.world()), &comm), "MPI_Comm_dup");
    }
    ~State() {
        buckets.clear();
        if (comm != MPI_COMM_NULL) MPI_Comm_free(&comm);
    }

    /// The buffers: for each bucket, one piece a root of any node.
    void lay_out(const Nodes& nodes, std::span<const Slice> slices) {
        const std::size_t locals = nodes.ranks(nodes.mine()).size(), me = static_cast<std::size_t>(nodes.node().rank());
        std::size_t floats = 0, all_roots = 0;
        for (const auto& list : roots) all_roots += list.size();
        for (const Slice slice : slices) floats += all_roots * owned_of(slice, me, locals).size();
        buffer = AlignedFloats(floats);
        float* next = buffer.span().data();
        for (const Slice slice : slices) {
            Bucket& bucket = buckets.emplace_back();
            bucket.mine = owned_of(slice, me, locals);
            for (std::size_t node = 0; node < roots.size(); ++node)
                for (std::size_t root = 0; root < roots[node].size(); ++root, next += bucket.mine.size()) {
                    bucket.sources.push_back(next);
                    if (node == nodes.mine()) bucket.outgoing.push_back(next);
                }
        }
    }

    /// The messages with every rank of another node that owns a part of what this rank owns.
    void prepare(const Nodes& nodes, std::size_t number, Slice slice) {
        Bucket& bucket = buckets[number];
        std::size_t source = 0;
        for (std::size_t node = 0; node < nodes.count(); ++node) {
            const std::vector<int>& ranks = nodes.ranks(node);
            for (std::size_t local = 0; node != nodes.mine() && local < ranks.size(); ++local) {
                const Slice common = intersection(bucket.mine, owned_of(slice, local, ranks.size()));
                if (common.size() == 0) continue;
                const std::size_t offset = common.begin - bucket.mine.begin;
                for (std::size_t root = 0; root < roots[node].size(); ++root)
                    message(bucket.receives, const_cast<float*>(bucket.sources[source + root]) + offset, common.size(),
                            ranks[local], tag(number, root), true);
                for (std::size_t root = 0; root < bucket.outgoing.size(); ++root)
                    message(bucket.sends, bucket.outgoing[root] + offset, common.size(), ranks[local],
                            tag(number, root), false);
                bytes_sent += bucket.outgoing.size() * common.size() * sizeof(float);
            }
            source += roots[node].size();
        }
    }

    /// Within MPI's guaranteed least upper bound for a few hundred buckets; Open MPI's is 2^31 - 1.
    static int tag(std::size_t bucket, std::size_t root) { return static_cast<int>(bucket * 64 + root); }

    void message(Requests& requests, float* data, std::size_t count, int rank, int tag, bool receive) {
        MPI_Request* const request = requests.add();
        if (receive)
            check(MPI_Recv_init(data, static_cast<int>(count), MPI_FLOAT, rank, tag, comm, request), "MPI_Recv_init");
        else
            check(MPI_Send_init(data, static_cast<int>(count), MPI_FLOAT, rank, tag, comm, request), "MPI_Send_init");
    }
};

Remote::Remote(const Nodes& nodes, std::size_t virtual_ranks, std::span<const Slice> buckets)
    : state_(std::make_unique<State>(nodes, virtual_ranks)) {
    state_->lay_out(nodes, buckets);
    for (std::size_t i = 0; i < buckets.size(); ++i) state_->prepare(nodes, i, buckets[i]);
}

Remote::~Remote() = default;

void Remote::begin_step() {
    for (State::Bucket& bucket : state_->buckets) bucket.receives.start();
}

float* Remote::outgoing(std::size_t bucket, std::size_t root) { return state_->buckets[bucket].outgoing[root]; }

void Remote::send(std::size_t bucket) { state_->buckets[bucket].sends.start(); }

bool Remote::arrived(std::size_t bucket) {
    // Both are tested every time: each test drives MPI's progress.
    const bool received = state_->buckets[bucket].receives.done();
    return state_->buckets[bucket].sends.done() && received;
}

void Remote::sum(std::size_t bucket, float* out) {
    const State::Bucket& own = state_->buckets[bucket];
    state_->total(own.sources, own.mine.size(), out);
}

std::size_t Remote::bytes_sent() const { return state_->bytes_sent; }

void Remote::poke() {
    int flag = 0;
    check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, state_->comm, &flag, MPI_STATUS_IGNORE), "MPI_Iprobe");
}

} // namespace elbo::comm
