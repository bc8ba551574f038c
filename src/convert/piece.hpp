// Some items of a source as bytes that travel between ranks: the rows of each field as they will be stored, where
// numbers may begin, then what is bad among them.
#pragma once

#include "convert/convert.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::convert {

/// Items [begin, begin + count) of a part.
struct Piece {
    std::size_t part = 0, begin = 0, count = 0;
};

/// All items, or the first ones of each part, in pieces of about as many bytes as the source likes.
class Pieces {
public:
    /// Throws InputError where a row is larger than a piece may be.
    Pieces(const std::vector<Part>& parts, std::size_t piece_bytes, std::optional<std::size_t> limit);
    std::size_t count() const { return starts_.back(); }
    Piece at(std::size_t number) const;
    std::size_t items(std::size_t part) const { return items_.at(part); } ///< of a part, within the limit

private:
    std::vector<std::size_t> items_, rows_, starts_; ///< starts_: a part's first piece; one more
};

/// The parts as they will be stored: fields called x in the type asked for.
std::vector<Part> stored_parts(const std::vector<Part>& parts, const Request& request);

/// Reads a piece. Where bad items are not skipped the first one is an InputError.
class PieceReader {
public:
    PieceReader(Source& source, const Request& request);
    /// with_rows: false leaves the bad items alone.
    void read(const Piece& piece, bool with_rows, std::vector<std::byte>& bytes);

private:
    std::vector<Bad> convert(const Piece& piece, std::size_t field, std::span<std::byte> rows, std::vector<Bad> bad);

    Source& source_;
    const Request& request_;
    std::vector<Part> stored_;
    std::vector<std::byte> scratch_; ///< rows of x before they have their stored type
};

/// What a PieceReader has read.
struct PieceContent {
    std::vector<std::span<const std::byte>> rows; ///< of each field
    std::vector<Bad> bad;                         ///< in order
};
PieceContent content_of(const Part& stored, const Piece& piece, bool with_rows, std::span<const std::byte> bytes);

} // namespace elbo::convert
