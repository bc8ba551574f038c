#include "comm/pieces.hpp"

#include "comm/mpi_call.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <limits>

namespace elbo::comm {
namespace {

/// What a message is, as MPI's tag. A maker sends pieces, perhaps an error instead of one, and at last the end; rank 0
/// answers each but the end.
enum Tag { piece_tag = 1, wrong_input_tag, failure_tag, end_tag, go_on_tag, stop_tag };

int message_length(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        fail("a piece of {} bytes: less than 2 GiB are possible", bytes);
    return static_cast<int>(bytes);
}

/// The rank that makes a piece.
int maker_of(std::size_t piece, Makers makers, int size) {
    if (makers == Makers::one) return std::min(1, size - 1);
    return static_cast<int>(piece % static_cast<std::size_t>(size));
}

/// The side of a rank that makes pieces for rank 0.
class Maker {
public:
    explicit Maker(MPI_Comm comm) : comm_(comm) {}

    /// False where rank 0 wants no more, or no piece could be made.
    bool hand_over(std::size_t piece, const MakePiece& make) {
        // Both buffers are under way: the older one's answer says that it has arrived.
        if (unanswered_ == buffers_.size() && !answer()) return false;
        std::vector<std::byte>& bytes = buffers_[next_];
        check(MPI_Wait(&sends_[next_], MPI_STATUS_IGNORE), "MPI_Wait");
        bytes.clear();
        const Tag tag = fill(piece, make, bytes);
        check(MPI_Isend(bytes.data(), message_length(bytes.size()), MPI_BYTE, 0, tag, comm_, &sends_[next_]),
              "MPI_Isend");
        next_ = 1 - next_;
        ++unanswered_;
        return tag == piece_tag;
    }

    void end() {
        while (unanswered_ > 0) answer();
        check(MPI_Waitall(2, sends_.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
        check(MPI_Send(nullptr, 0, MPI_BYTE, 0, end_tag, comm_), "MPI_Send");
    }

private:
    static Tag fill(std::size_t piece, const MakePiece& make, std::vector<std::byte>& bytes) {
        const auto tell = [&](const std::exception& error) {
            const auto text = std::as_bytes(std::span(std::string_view(error.what())));
            bytes.assign(text.begin(), text.end());
        };
        try {
            make(piece, bytes);
            return piece_tag;
        } catch (const InputError& error) {
            tell(error);
            return wrong_input_tag;
        } catch (const std::exception& error) {
            tell(error);
            return failure_tag;
        }
    }

    bool answer() {
        MPI_Status status;
        check(MPI_Recv(nullptr, 0, MPI_BYTE, 0, MPI_ANY_TAG, comm_, &status), "MPI_Recv");
        --unanswered_;
        return status.MPI_TAG == go_on_tag;
    }

    MPI_Comm comm_;
    std::array<std::vector<std::byte>, 2> buffers_;
    std::array<MPI_Request, 2> sends_ = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    std::size_t next_ = 0, unanswered_ = 0;
};

/// Receives a maker's next message, and answers.
Tag receive(MPI_Comm comm, int rank, Tag answer, std::vector<std::byte>& bytes) {
    MPI_Status status;
    check(MPI_Probe(rank, MPI_ANY_TAG, comm, &status), "MPI_Probe");
    int length = 0;
    check(MPI_Get_count(&status, MPI_BYTE, &length), "MPI_Get_count");
    bytes.resize(static_cast<std::size_t>(length));
    check(MPI_Recv(bytes.data(), length, MPI_BYTE, rank, status.MPI_TAG, comm, MPI_STATUS_IGNORE), "MPI_Recv");
    const auto tag = static_cast<Tag>(status.MPI_TAG);
    if (tag != end_tag) check(MPI_Send(nullptr, 0, MPI_BYTE, rank, answer, comm), "MPI_Send");
    return tag;
}

[[noreturn]] void throw_told(Tag tag, const std::vector<std::byte>& bytes) {
    const std::string message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (tag == wrong_input_tag) throw InputError(message);
    throw Error(message);
}

/// Rank 0's side; throws what it or a maker met first.
void use_all(const Communicator& world, std::size_t pieces, Makers makers, const MakePiece& make, const UsePiece& use) {
    std::vector<std::byte> bytes;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
        bytes.clear();
        if (const int maker = maker_of(piece, makers, world.size()); maker == 0) {
            make(piece, bytes);
        } else {
            const Tag tag = receive(handle_of(world), maker, go_on_tag, bytes);
            if (tag != piece_tag) throw_told(tag, bytes);
        }
        use(piece, bytes);
    }
}

} // namespace

void in_order(const Communicator& world, std::size_t pieces, Makers makers, const MakePiece& make,
              const UsePiece& use) {
    if (world.size() == 1) return world.on_first([&] { use_all(world, pieces, makers, make, use); });
    std::exception_ptr failure;
    if (world.first()) {
        try {
            use_all(world, pieces, makers, make, use);
        } catch (...) {
            failure = std::current_exception();
        }
        std::vector<std::byte> dropped;
        for (int rank = 1; rank < world.size(); ++rank)
            while (receive(handle_of(world), rank, stop_tag, dropped) != end_tag) continue;
    } else {
        Maker maker(handle_of(world));
        for (std::size_t piece = 0; piece < pieces; ++piece)
            if (maker_of(piece, makers, world.size()) == world.rank() && !maker.hand_over(piece, make)) break;
        maker.end();
    }
    world.on_first([&] {
        if (failure) std::rethrow_exception(failure);
    });
}

} // namespace elbo::comm
