// Work in numbered pieces that all ranks make and rank 0 uses in order: what a conversion reads, decodes and writes.
#pragma once

#include "comm/communicator.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace elbo::comm {

/// Makes the bytes of a piece, into an empty array.
using MakePiece = std::function<void(std::size_t piece, std::vector<std::byte>& bytes)>;
/// Uses a piece, on rank 0 alone; pieces come in order.
using UsePiece = std::function<void(std::size_t piece, std::span<const std::byte> bytes)>;

/// Who makes pieces: all ranks, each the next one that nobody has, so that slower ones make fewer; or one alone, rank 1
/// where there is one, while rank 0 uses them. Each rank's pieces ascend.
enum class Makers { all, one };

/// Pieces are made without blocking: one at most three times as many as there are ranks before one that is still to be
/// used, and none that is new while 64 MiB wait. Where make or use throws, work ends, and all ranks throw AgreedError
/// with the message of the lowest such piece, so that it does not depend on the number of ranks. Collective. A piece
/// holds less than 2 GiB.
void in_order(const Communicator& world, std::size_t pieces, Makers makers, const MakePiece& make, const UsePiece& use);

/// To be called now and then while a piece is made.
using Meanwhile = std::function<void()>;
using MakeLongPiece = std::function<void(std::size_t piece, std::vector<std::byte>& bytes, const Meanwhile& meanwhile)>;

/// The same by all ranks, of pieces that take seconds: no rank has another beside the one that it makes, so that all
/// end together, and rank 0 serves the others meanwhile.
void in_order(const Communicator& world, std::size_t pieces, const MakeLongPiece& make, const UsePiece& use);

} // namespace elbo::comm
