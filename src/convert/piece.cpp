#include "convert/piece.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "convert/elements.hpp"

#include <algorithm>
#include <cstring>

namespace elbo::convert {

namespace {

/// Larger rows would not let memory be bounded.
constexpr std::size_t most_row_bytes = 64 << 20;

std::size_t row_bytes(const Part& part) {
    std::size_t sum = 0;
    for (const Field& field : part.fields) sum += field.row_bytes();
    return sum;
}

/// Of a field's rows with what is left empty behind them, so that the next field's numbers are aligned.
std::size_t aligned(std::size_t bytes) {
    constexpr std::size_t widest = sizeof(double);
    return (bytes + widest - 1) / widest * widest;
}

/// Of a piece's rows, all fields.
std::size_t piece_bytes(const Part& part, std::size_t items) {
    std::size_t sum = 0;
    for (const Field& field : part.fields) sum += aligned(items * field.row_bytes());
    return sum;
}

void append(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
}

void append_number(std::vector<std::byte>& bytes, std::size_t number) {
    append(bytes, std::as_bytes(std::span(&number, 1)));
}

std::span<const std::byte> take(std::span<const std::byte>& bytes, std::size_t count) {
    if (count > bytes.size()) fail("a piece of a conversion is cut short");
    const auto taken = bytes.first(count);
    bytes = bytes.subspan(count);
    return taken;
}

std::size_t take_number(std::span<const std::byte>& bytes) {
    std::size_t number = 0;
    std::memcpy(&number, take(bytes, sizeof(number)).data(), sizeof(number));
    return number;
}

} // namespace

Pieces::Pieces(const std::vector<Part>& parts, std::size_t piece_bytes, std::optional<std::size_t> limit) : starts_{0} {
    for (const Part& part : parts) {
        const std::size_t bytes = row_bytes(part);
        if (bytes > most_row_bytes) {
            reject("an item of {} has {}, expected at most {}", part.name.empty() ? "the source" : part.name,
                   human_bytes(static_cast<double>(bytes)), human_bytes(static_cast<double>(most_row_bytes)));
        }
        items_.push_back(std::min(part.items, limit.value_or(part.items)));
        rows_.push_back(std::max<std::size_t>(1, piece_bytes / std::max<std::size_t>(bytes, 1)));
        starts_.push_back(starts_.back() + (items_.back() + rows_.back() - 1) / rows_.back());
    }
}

Piece Pieces::at(std::size_t number) const {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), number);
    const auto part = static_cast<std::size_t>(next - starts_.begin()) - 1;
    const std::size_t begin = (number - starts_[part]) * rows_[part];
    return {part, begin, std::min(rows_[part], items_[part] - begin)};
}

std::vector<Part> stored_parts(const std::vector<Part>& parts, const Request& request) {
    std::vector<Part> stored = parts;
    for (Part& part : stored)
        for (Field& field : part.fields)
            if (request.type && field.name == "x") field.type = *request.type;
    return stored;
}

PieceReader::PieceReader(Source& source, const Request& request)
    : source_(source), request_(request), stored_(stored_parts(source.parts(), request)) {}

void PieceReader::read(const Piece& piece, bool with_rows, std::vector<std::byte>& bytes) {
    const std::vector<Field>&found = source_.parts()[piece.part].fields, &stored = stored_[piece.part].fields;
    bytes.resize(piece_bytes(stored_[piece.part], piece.count));
    std::vector<std::span<std::byte>> place, rows;
    for (std::size_t f = 0, offset = 0; f < stored.size(); ++f) {
        place.push_back(std::span(bytes).subspan(offset, piece.count * stored[f].row_bytes()));
        offset += aligned(place.back().size());
        rows.push_back(place.back());
        if (found[f].type != stored[f].type) {
            scratch_.resize(piece.count * found[f].row_bytes());
            rows.back() = scratch_;
        }
    }
    std::vector<Bad> bad = source_.read(piece.part, piece.begin, piece.count, rows);
    for (std::size_t f = 0; f < stored.size(); ++f)
        if (found[f].type != stored[f].type) bad = convert(piece, f, place[f], std::move(bad));
    if (!bad.empty() && !request_.skip_bad) reject("{}; --skip-bad leaves such items out", bad.front().reason);
    if (!with_rows) bytes.clear();
    for (const Bad& item : bad) {
        append_number(bytes, item.item);
        append_number(bytes, item.reason.size());
        append(bytes, std::as_bytes(std::span(item.reason)));
    }
}

/// The rows of x in their stored type. Returns the bad items with those added whose values that type does not have.
std::vector<Bad> PieceReader::convert(const Piece& piece, std::size_t field, std::span<std::byte> rows,
                                      std::vector<Bad> bad) {
    const Field& from = source_.parts()[piece.part].fields[field];
    const Field& to = stored_[piece.part].fields[field];
    const std::span<const std::byte> read = scratch_;
    if (bad.empty() && !convert_elements(from.type, read, to.type, rows)) return bad;
    std::vector<Bad> all;
    auto next = bad.begin();
    for (std::size_t i = 0; i < piece.count; ++i) {
        if (next != bad.end() && next->item == piece.begin + i) {
            all.push_back(std::move(*next++));
            continue;
        }
        const auto problem = convert_elements(from.type, read.subspan(i * from.row_bytes(), from.row_bytes()), to.type,
                                              rows.subspan(i * to.row_bytes(), to.row_bytes()));
        if (!problem) continue;
        const std::string& part = source_.parts()[piece.part].name;
        all.push_back({piece.begin + i, fmt::format("{}: item {}{}: {}", request_.sources.front(), piece.begin + i,
                                                    part.empty() ? "" : " of " + part, *problem)});
    }
    return all;
}

PieceContent content_of(const Part& stored, const Piece& piece, bool with_rows, std::span<const std::byte> bytes) {
    PieceContent content;
    for (const Field& field : stored.fields) {
        if (!with_rows) break;
        const std::size_t rows = piece.count * field.row_bytes();
        content.rows.push_back(take(bytes, aligned(rows)).first(rows));
    }
    while (!bytes.empty()) {
        const std::size_t item = take_number(bytes);
        const auto text = take(bytes, take_number(bytes));
        content.bad.push_back({item, {reinterpret_cast<const char*>(text.data()), text.size()}});
    }
    return content;
}

} // namespace elbo::convert
