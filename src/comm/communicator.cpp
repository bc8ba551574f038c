#include "comm/communicator.hpp"

#include "base/fault.hpp"
#include "base/verdict.hpp"
#include "comm/launcher.hpp"
#include "comm/mpi_call.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <limits>
#include <numeric>
#include <utility>

namespace elbo::comm {
namespace {

std::string processor_name() {
    std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
    int length = 0;
    check(MPI_Get_processor_name(name.data(), &length), "MPI_Get_processor_name");
    return {name.data(), static_cast<std::size_t>(length)};
}

/// Calls piece(pointer, count) for parts that fit MPI's int counts.
template <class T, class F>
void in_pieces(std::span<T> values, F&& piece) {
    constexpr std::size_t most = std::numeric_limits<int>::max() / 16;
    for (std::size_t begin = 0; begin < values.size(); begin += most)
        piece(values.data() + begin, static_cast<int>(std::min(most, values.size() - begin)));
}

/// How a piece of work ended; Exit::done where nothing was thrown.
Verdict outcome_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const std::exception& error) {
        return verdict_of(error);
    }
    return {};
}

/// The status that one rank ends with, on all.
Exit agree(Exit status, int from, MPI_Comm comm) {
    int number = static_cast<int>(status);
    check(MPI_Bcast(&number, 1, MPI_INT, from, comm), "MPI_Bcast");
    return static_cast<Exit>(number);
}

/// Ends these ranks by an error that all of them know of, and by AgreedError only where these are all of the run.
[[noreturn]] void throw_agreed(MPI_Comm comm, const std::string& message, Exit status) {
    int size = 0, all = 0;
    check(MPI_Comm_size(comm, &size), "MPI_Comm_size");
    check(MPI_Comm_size(MPI_COMM_WORLD, &all), "MPI_Comm_size");
    if (size < all) throw ToldError(message, status);
    throw AgreedError(message, status);
}

} // namespace

/// MPI's communicator, freed with the last copy that uses it, unless it is the world.
struct Handle {
    explicit Handle(MPI_Comm own) : comm(own) {}
    /// While an exception unwinds it is left as it is: freeing it is collective, and the other ranks may not come.
    ~Handle() {
        if (std::uncaught_exceptions() > exceptions) return;
        int finalized = 0;
        MPI_Finalized(&finalized);
        if (comm != MPI_COMM_WORLD && finalized == 0) MPI_Comm_free(&comm);
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    static MPI_Comm of(const Communicator& communicator) { return communicator.handle_->comm; }

    MPI_Comm comm;
    int exceptions = std::uncaught_exceptions();
};

void check(int code, const char* call) {
    if (code == MPI_SUCCESS) return;
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    MPI_Error_string(code, text.data(), &length);
    fail("{} failed: {}", call, std::string(text.data(), static_cast<std::size_t>(length)));
}

MPI_Comm handle_of(const Communicator& communicator) { return Handle::of(communicator); }

void send(const Communicator& communicator, std::span<const float> values, int rank) {
    in_pieces(values, [&](const float* data, int count) {
        check(MPI_Send(data, count, MPI_FLOAT, rank, 0, handle_of(communicator)), "MPI_Send");
    });
}

void receive(const Communicator& communicator, std::span<float> values, int rank) {
    in_pieces(values, [&](float* data, int count) {
        check(MPI_Recv(data, count, MPI_FLOAT, rank, 0, handle_of(communicator), MPI_STATUS_IGNORE), "MPI_Recv");
    });
}

void Communicator::barrier() const { check(MPI_Barrier(handle_->comm), "MPI_Barrier"); }

void Communicator::sum(std::span<float> values) const {
    if (size_ == 1) return;
    in_pieces(values, [this](float* data, int count) {
        check(MPI_Allreduce(MPI_IN_PLACE, data, count, MPI_FLOAT, MPI_SUM, handle_->comm), "MPI_Allreduce");
    });
}

void Communicator::sum(std::span<double> values) const {
    if (size_ == 1) return;
    in_pieces(values, [this](double* data, int count) {
        check(MPI_Allreduce(MPI_IN_PLACE, data, count, MPI_DOUBLE, MPI_SUM, handle_->comm), "MPI_Allreduce");
    });
}

std::int64_t Communicator::least(std::int64_t value) const {
    check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MIN, handle_->comm), "MPI_Allreduce");
    return value;
}

std::int64_t Communicator::most(std::int64_t value) const {
    check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MAX, handle_->comm), "MPI_Allreduce");
    return value;
}

void Communicator::broadcast(std::span<float> values) const {
    if (size_ == 1) return;
    in_pieces(values, [this](float* data, int count) {
        check(MPI_Bcast(data, count, MPI_FLOAT, 0, handle_->comm), "MPI_Bcast");
    });
}

std::string Communicator::broadcast(const std::string& text, int from) const {
    if (!handle_) return text;
    std::uint64_t length = text.size();
    check(MPI_Bcast(&length, 1, MPI_UINT64_T, from, handle_->comm), "MPI_Bcast");
    std::string copy = rank_ == from ? text : std::string(length, '\0');
    in_pieces(std::span(copy.data(), copy.size()), [&](char* data, int count) {
        check(MPI_Bcast(data, count, MPI_CHAR, from, handle_->comm), "MPI_Bcast");
    });
    return copy;
}

void Communicator::together(const std::function<void()>& work) const {
    if (!handle_) return work();
    Verdict outcome = outcome_of(work);
    const bool well = outcome.status == Exit::done;
    const int teller = static_cast<int>(least(well ? size_ : rank_));
    if (teller == size_) return;

    const bool everywhere = most(well ? 1 : 0) == 0;
    if (!everywhere) outcome.message = fmt::format("rank {} on {}: {}", rank_, host_, outcome.message);
    const Exit status = agree(outcome.status, teller, handle_->comm);
    throw_agreed(handle_->comm, broadcast(outcome.message, teller), status);
}

void Communicator::on_first(const std::function<void()>& work) const {
    if (!handle_) return work();
    const Verdict outcome = first() ? outcome_of(work) : Verdict();
    const Exit status = agree(outcome.status, 0, handle_->comm);
    if (status != Exit::done) throw_agreed(handle_->comm, broadcast(outcome.message), status);
}

std::vector<std::int64_t> Communicator::gather(std::int64_t value) const {
    std::vector<std::int64_t> all(static_cast<std::size_t>(size_));
    check(MPI_Allgather(&value, 1, MPI_INT64_T, all.data(), 1, MPI_INT64_T, handle_->comm), "MPI_Allgather");
    return all;
}

std::vector<std::string> Communicator::gather(const std::string& text) const {
    const std::vector<std::int64_t> lengths = gather(static_cast<std::int64_t>(text.size()));
    std::vector<int> counts(lengths.begin(), lengths.end()), places(lengths.size());
    std::exclusive_scan(counts.begin(), counts.end(), places.begin(), 0);
    std::string joined(static_cast<std::size_t>(places.back() + counts.back()), '\0');
    check(MPI_Allgatherv(text.data(), counts[static_cast<std::size_t>(rank_)], MPI_CHAR, joined.data(), counts.data(),
                         places.data(), MPI_CHAR, handle_->comm),
          "MPI_Allgatherv");
    std::vector<std::string> all;
    for (std::size_t i = 0; i < counts.size(); ++i)
        all.push_back(joined.substr(static_cast<std::size_t>(places[i]), static_cast<std::size_t>(counts[i])));
    return all;
}

Communicator Communicator::node(bool shared) const {
    MPI_Comm own = MPI_COMM_NULL;
    if (shared)
        check(MPI_Comm_split_type(handle_->comm, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &own),
              "MPI_Comm_split_type");
    else
        check(MPI_Comm_split(handle_->comm, rank_, 0, &own), "MPI_Comm_split");
    Communicator node;
    node.handle_ = std::make_shared<Handle>(own);
    node.host_ = host_;
    check(MPI_Comm_rank(own, &node.rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(own, &node.size_), "MPI_Comm_size");
    return node;
}

void Communicator::require_same(const std::string& what, const std::string& text) const {
    const std::vector<std::string> all = gather(text);
    const auto other = std::find_if(all.begin(), all.end(), [&](const std::string& one) { return one != all.front(); });
    const std::vector<std::string> hosts = gather(host_);
    if (other == all.end()) return;
    const auto rank = static_cast<std::size_t>(other - all.begin());
    throw_agreed(handle_->comm,
                 fmt::format("the ranks do not agree in {}: rank 0 on {} has {}, rank {} on {} has {}", what,
                             hosts.front(), all.front(), rank, hosts[rank], *other),
                 Exit::wrong_input);
}

Session::Session() : exceptions_(std::uncaught_exceptions()) {
    require_valid_fault();
    if (const std::optional<Launch> launch = find_launch_without_pmi())
        reject("{} started several copies of elbo ({}) without telling them of each other; start it by mpirun, or by "
               "srun --mpi=pmix where this MPI supports that",
               launch->launcher, launch->evidence);
    stand_alone_without_launcher();
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    world_.handle_ = std::make_shared<Handle>(MPI_COMM_WORLD);
    check(MPI_Comm_rank(MPI_COMM_WORLD, &world_.rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &world_.size_), "MPI_Comm_size");
    set_fault_rank(world_.rank_);
    world_.host_ = processor_name();
    if (provided < MPI_THREAD_FUNNELED) fail("this MPI offers no thread support (MPI_THREAD_FUNNELED is needed)");
    if (world_.size_ > 1) return;
    const std::optional<Launch> launch = find_launch(false);
    if (!launch) return;
    MPI_Finalize();
    reject("{} started several copies of elbo ({}), but this MPI ({}) sees one process alone; start it by its own "
           "mpirun, or by a launcher with its support (Slurm: srun --mpi=pmix)",
           launch->launcher, launch->evidence, mpi_version());
}

Session::~Session() {
    if (std::uncaught_exceptions() > exceptions_) return;
    MPI_Finalize();
}

void abort_all(Exit status) {
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(status));
    std::_Exit(static_cast<int>(status));
}

int launched_rank() {
    const std::optional<Launch> launch = find_launch(true);
    return launch ? launch->rank : 0;
}

bool launched() { return find_launch(true) || find_launch_without_pmi(); }

std::string mpi_version() {
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    check(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
    const std::string whole(text.data(), static_cast<std::size_t>(length));
    std::string line = whole.substr(0, whole.find_first_of(",\n"));
    for (const auto& [prefix, name] : {std::pair("Open MPI v", "Open MPI "), std::pair("MPICH Version:\t", "MPICH ")})
        if (line.starts_with(prefix)) line = name + line.substr(std::strlen(prefix));
    return line;
}

} // namespace elbo::comm
