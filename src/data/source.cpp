#include "data/source.hpp"

#include "base/error.hpp"
#include "data/piece.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace elbo::data {

namespace {

/// Rows read at once although not all of them are wanted; singly where so few are that this would waste more.
constexpr std::size_t worth_a_read = std::size_t{256} << 10;

} // namespace

Source::Source(storage::DatasetReader reader, std::optional<Selection> selection)
    : reader_(std::move(reader)), selection_(selection), info_(reader_.info()), unchanged_(reader_.info().files()) {
    if (selection_) info_.shape.front() = selection_->size();
}

std::string Source::where(std::uint64_t row) const {
    return file_info().where(selection_ ? selection_->row(row) : row);
}

// A part keeps the file's order: what it has of a stretch of rows is read with what lies between.
void Source::read_selected(Range rows, std::span<std::byte> out) const {
    const std::size_t bytes = info_.row_bytes();
    std::vector<std::byte> stretch;
    for (Range some{rows.begin, rows.begin}; some.begin < rows.end; some.begin = some.end) {
        const std::uint64_t first = selection_->row(some.begin);
        const auto span_to = [&](std::uint64_t end) { return selection_->row(end - 1) + 1 - first; };
        some.end = some.begin + 1;
        while (some.end < rows.end && span_to(some.end + 1) * bytes <= piece_bytes &&
               (span_to(some.end + 1) - span_to(some.end)) * bytes <= worth_a_read)
            ++some.end;
        const std::uint64_t span = span_to(some.end);
        const std::span<std::byte> to = out.subspan((some.begin - rows.begin) * bytes, some.size() * bytes);
        if (span == some.size()) {
            reader_.read_rows(first, span, to);
            continue;
        }
        stretch.resize(span * bytes);
        reader_.read_rows(first, span, stretch);
        for (std::uint64_t number = some.begin; number < some.end; ++number) {
            const auto from = stretch.begin() + static_cast<std::ptrdiff_t>((selection_->row(number) - first) * bytes);
            std::copy_n(from, bytes, to.begin() + static_cast<std::ptrdiff_t>((number - some.begin) * bytes));
        }
    }
}

void Source::read(Range rows, std::span<std::byte> out) const {
    try {
        if (selection_)
            read_selected(rows, out);
        else
            reader_.read_rows(rows.begin, rows.size(), out);
    } catch (const InputError&) {
        unchanged_.require(); // says more than HDF5 can
        throw;
    }
    bytes_.fetch_add(out.size(), std::memory_order_relaxed);
}

} // namespace elbo::data
