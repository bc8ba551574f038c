#include "comm/pieces.hpp"

#include "base/verdict.hpp"
#include "comm/mpi_call.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace elbo::comm {
namespace {

/// What a message is, as MPI's tag. A maker sends pieces, perhaps an error instead of one, and at last the end; rank 0
/// answers each but the end by the number of the maker's next piece, or that there is none, or that all is to stop.
enum Tag { piece_tag = 1, error_tag, end_tag, next_tag, none_tag, stop_tag };

int message_length(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        fail("a piece of {} bytes: less than 2 GiB are possible", bytes);
    return static_cast<int>(bytes);
}

/// Who makes pieces beside rank 0, which begins with piece 0 where all make some. Each helper has one or two from the
/// start, and then a new one for each that rank 0 has received: with two it has one to go on with meanwhile.
struct Helpers {
    Makers makers;
    int size;
    std::size_t at_once;
    std::size_t count() const { return makers == Makers::all ? static_cast<std::size_t>(size) - 1 : 1; }
    bool has(int rank) const { return rank > 0 && static_cast<std::size_t>(rank) <= count(); }
    std::deque<std::size_t> first_pieces(int rank) const {
        std::deque<std::size_t> pieces;
        for (std::size_t i = 0; i < at_once; ++i)
            pieces.push_back(first_piece() + i * count() + static_cast<std::size_t>(rank) - 1);
        return pieces;
    }
    /// The first piece that nobody has from the start.
    std::size_t first_free() const { return first_piece() + at_once * count(); }

private:
    std::size_t first_piece() const { return makers == Makers::all ? 1 : 0; }
};

/// The side of a rank that makes pieces for rank 0.
class Maker {
public:
    Maker(const Communicator& world, const Helpers& helpers, std::size_t pieces)
        : comm_(handle_of(world)), pieces_(pieces) {
        for (const std::size_t piece : helpers.first_pieces(world.rank())) add(piece);
    }

    void run(const MakeLongPiece& make) {
        for (std::optional<std::size_t> piece = next(); piece; piece = next())
            if (!hand_over(*piece, make)) break;
        while (unanswered_ > 0) answer();
        check(MPI_Waitall(2, sends_.data(), MPI_STATUSES_IGNORE), "MPI_Waitall");
        check(MPI_Send(nullptr, 0, MPI_BYTE, 0, end_tag, comm_), "MPI_Send");
    }

private:
    void add(std::size_t piece) {
        if (piece < pieces_) own_.push_back(piece);
    }

    /// The piece to make now; none where rank 0 has no more.
    std::optional<std::size_t> next() {
        while (own_.empty() && unanswered_ > 0) answer();
        if (own_.empty()) return std::nullopt;
        const std::size_t piece = own_.front();
        own_.pop_front();
        return piece;
    }

    /// False where the piece could not be made: then no other is of use.
    bool hand_over(std::size_t piece, const MakeLongPiece& make) {
        std::vector<std::byte>& bytes = buffers_[turn_];
        check(MPI_Wait(&sends_[turn_], MPI_STATUS_IGNORE), "MPI_Wait");
        bytes.clear();
        const Tag tag = fill(piece, make, bytes);
        check(MPI_Isend(bytes.data(), message_length(bytes.size()), MPI_BYTE, 0, tag, comm_, &sends_[turn_]),
              "MPI_Isend");
        turn_ = 1 - turn_;
        ++unanswered_;
        return tag == piece_tag;
    }

    static Tag fill(std::size_t piece, const MakeLongPiece& make, std::vector<std::byte>& bytes) {
        try {
            make(piece, bytes, [] {});
            return piece_tag;
        } catch (const std::exception& error) {
            const Verdict verdict = verdict_of(error);
            const auto text = std::as_bytes(std::span(verdict.message));
            bytes.assign(1, static_cast<std::byte>(verdict.status));
            bytes.insert(bytes.end(), text.begin(), text.end());
            return error_tag;
        }
    }

    void answer() {
        std::uint64_t piece = 0;
        MPI_Status status;
        check(MPI_Recv(&piece, 1, MPI_UINT64_T, 0, MPI_ANY_TAG, comm_, &status), "MPI_Recv");
        --unanswered_;
        if (status.MPI_TAG == next_tag) add(piece);
        if (status.MPI_TAG == stop_tag) own_.clear();
    }

    MPI_Comm comm_;
    std::size_t pieces_;
    std::deque<std::size_t> own_; ///< to be made, ascending
    std::array<std::vector<std::byte>, 2> buffers_;
    std::array<MPI_Request, 2> sends_ = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
    std::size_t turn_ = 0, unanswered_ = 0;
};

/// bytes: an error as Maker sends it, status and message.
[[noreturn]] void throw_told(const std::vector<std::byte>& bytes) {
    throw ToldError({reinterpret_cast<const char*>(bytes.data()) + 1, bytes.size() - 1},
                    static_cast<Exit>(bytes.front()));
}

/// Bytes that wait for pieces before theirs: with more of them no new piece is given out.
constexpr std::size_t most_held_bytes = std::size_t{64} << 20;

/// Rank 0's side: whoever is free gets the next piece, so that a slower rank makes fewer.
class Collector {
public:
    Collector(const Communicator& world, const Helpers& helpers, std::size_t pieces)
        : comm_(handle_of(world)), helpers_(helpers), pieces_(pieces), end_(pieces), free_(helpers.first_free()) {
        made_by_.resize(static_cast<std::size_t>(world.size()));
        for (int rank = 1; helpers_.has(rank); ++rank)
            made_by_[static_cast<std::size_t>(rank)] = helpers_.first_pieces(rank);
    }

    /// Throws what `use`, or the making of the first piece that could not be made, threw.
    void run(const MakeLongPiece& make, const UsePiece& use) {
        const bool makes_too = helpers_.makers == Makers::all;
        if (makes_too && pieces_ > 0) make_own(0, make);
        while (used_ < pieces_) {
            serve();
            if (use_next(use)) continue;
            if (makes_too && may_give())
                make_own(free_++, make);
            else
                receive();
        }
    }

    /// Until all makers have ended. To be called whatever happened.
    void dismiss() {
        for (const int rank : waiting_) answer(rank, stop_tag, 0);
        std::vector<std::byte> dropped;
        while (ended_ < helpers_.count()) {
            const MPI_Status message = probe();
            if (take(message, dropped) == end_tag)
                ++ended_;
            else
                answer(message.MPI_SOURCE, stop_tag, 0);
        }
    }

private:
    /// A piece that was made, or what its maker met instead.
    struct Made {
        Tag tag = piece_tag;
        std::vector<std::byte> bytes;
        std::exception_ptr failure; ///< rank 0's own
    };

    /// With the memory of a piece that was used.
    Made empty() {
        Made made;
        if (spare_.empty()) return made;
        made.bytes = std::move(spare_.back());
        made.bytes.clear();
        spare_.pop_back();
        return made;
    }

    /// The next message of any maker, when it is there.
    MPI_Status probe() const {
        MPI_Status status;
        check(MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &status), "MPI_Probe");
        return status;
    }

    bool has_arrived() const {
        int found = 0;
        check(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &found, MPI_STATUS_IGNORE), "MPI_Iprobe");
        return found != 0;
    }

    Tag take(const MPI_Status& message, std::vector<std::byte>& bytes) const {
        int length = 0;
        check(MPI_Get_count(&message, MPI_BYTE, &length), "MPI_Get_count");
        bytes.resize(static_cast<std::size_t>(length));
        check(MPI_Recv(bytes.data(), length, MPI_BYTE, message.MPI_SOURCE, message.MPI_TAG, comm_, MPI_STATUS_IGNORE),
              "MPI_Recv");
        return static_cast<Tag>(message.MPI_TAG);
    }

    void answer(int rank, Tag tag, std::uint64_t piece) const {
        check(MPI_Send(&piece, tag == next_tag ? 1 : 0, MPI_UINT64_T, rank, tag, comm_), "MPI_Send");
    }

    void receive() {
        const MPI_Status message = probe();
        Made made = empty();
        made.tag = take(message, made.bytes);
        if (made.tag == end_tag) {
            ++ended_;
            return;
        }
        std::deque<std::size_t>& own = made_by_[static_cast<std::size_t>(message.MPI_SOURCE)];
        keep(own.front(), std::move(made));
        own.pop_front();
        waiting_.push_back(message.MPI_SOURCE);
    }

    /// Nothing is wanted behind a piece that could not be made.
    void keep(std::size_t piece, Made made) {
        if (made.tag != piece_tag || made.failure) end_ = std::min(end_, piece);
        held_bytes_ += made.bytes.size();
        held_.emplace(piece, std::move(made));
    }

    bool may_give() const {
        const std::size_t ahead = 3 * static_cast<std::size_t>(helpers_.size);
        return free_ < end_ && free_ < used_ + ahead && held_bytes_ < most_held_bytes;
    }

    void give_to_waiting() {
        while (!waiting_.empty() && (may_give() || free_ >= end_)) {
            const int rank = waiting_.front();
            waiting_.pop_front();
            if (free_ >= end_) {
                answer(rank, none_tag, 0);
                continue;
            }
            made_by_[static_cast<std::size_t>(rank)].push_back(free_);
            answer(rank, next_tag, free_++);
        }
    }

    void serve() {
        while (has_arrived()) receive();
        give_to_waiting();
    }

    void make_own(std::size_t piece, const MakeLongPiece& make) {
        Made made = empty();
        try {
            make(piece, made.bytes, [this] { serve(); });
        } catch (...) {
            made.failure = std::current_exception();
        }
        keep(piece, std::move(made));
    }

    /// False where the next piece is still to be made.
    bool use_next(const UsePiece& use) {
        const auto found = held_.find(used_);
        if (found == held_.end()) return false;
        Made& made = found->second;
        if (made.failure) std::rethrow_exception(made.failure);
        if (made.tag != piece_tag) throw_told(made.bytes);
        use(used_++, made.bytes);
        held_bytes_ -= made.bytes.size();
        spare_.push_back(std::move(made.bytes));
        held_.erase(found);
        return true;
    }

    MPI_Comm comm_;
    Helpers helpers_;
    std::size_t pieces_;
    std::size_t end_;                              ///< of what is given out
    std::size_t free_;                             ///< the first piece that nobody has
    std::size_t used_ = 0;                         ///< so many have been
    std::vector<std::deque<std::size_t>> made_by_; ///< of each rank, ascending: what has not arrived
    std::deque<int> waiting_;                      ///< makers without an answer
    std::size_t ended_ = 0;                        ///< so many makers have
    std::map<std::size_t, Made> held_;
    std::size_t held_bytes_ = 0;
    std::vector<std::vector<std::byte>> spare_;
};

/// One process alone.
void use_all(std::size_t pieces, const MakeLongPiece& make, const UsePiece& use) {
    std::vector<std::byte> bytes;
    for (std::size_t piece = 0; piece < pieces; ++piece) {
        bytes.clear();
        make(piece, bytes, [] {});
        use(piece, bytes);
    }
}

void work(const Communicator& world, const Helpers& helpers, std::size_t pieces, const MakeLongPiece& make,
          const UsePiece& use) {
    if (world.size() == 1) return world.on_first([&] { use_all(pieces, make, use); });
    std::exception_ptr failure;
    if (world.first()) {
        Collector collector(world, helpers, pieces);
        try {
            collector.run(make, use);
        } catch (...) {
            failure = std::current_exception();
        }
        collector.dismiss();
    } else if (helpers.has(world.rank())) {
        Maker(world, helpers, pieces).run(make);
    }
    world.on_first([&] {
        if (failure) std::rethrow_exception(failure);
    });
}

} // namespace

void in_order(const Communicator& world, std::size_t pieces, Makers makers, const MakePiece& make,
              const UsePiece& use) {
    const auto make_brief = [&](std::size_t piece, std::vector<std::byte>& bytes, const Meanwhile&) {
        make(piece, bytes);
    };
    work(world, {makers, world.size(), 2}, pieces, make_brief, use);
}

void in_order(const Communicator& world, std::size_t pieces, const MakeLongPiece& make, const UsePiece& use) {
    work(world, {Makers::all, world.size(), 1}, pieces, make, use);
}

} // namespace elbo::comm
