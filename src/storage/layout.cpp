#include "storage/layout.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace elbo::storage {

namespace {

/// Below this a dataset is in memory before anybody could wait for it.
constexpr std::size_t large_dataset = 16 << 20;
/// Below this a chunk costs more to find than to read.
constexpr std::size_t small_chunk = 16 << 10;
/// Above this a chunk is more than a cache takes while a sample of it is wanted.
constexpr std::size_t large_chunk = 64 << 20;

std::size_t quotient_rounded_up(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

std::string bytes_text(std::size_t bytes) { return human_bytes(static_cast<double>(bytes)); }

std::string advice_for(const DatasetInfo& info) {
    const std::filesystem::path file =
        info.locations.empty() ? std::filesystem::path(info.file) : info.locations[0].file;
    const std::filesystem::path better = file.parent_path() / (file.stem().string() + "-rows.h5");
    return fmt::format("elbo convert {} {}", file.string(), better.string());
}

/// How chunks lie to samples.
struct Chunks {
    std::size_t count = 1;      ///< in all
    std::size_t per_sample = 1; ///< that a sample lies in
    std::size_t rows = 1;       ///< samples that a chunk holds, or parts of
    std::size_t bytes = 0;

    explicit Chunks(const DatasetInfo& info) : rows(std::min(info.chunk[0], info.rows())), bytes(bytes_of(info.type)) {
        for (std::size_t axis = 0; axis < info.chunk.size(); ++axis) {
            const std::size_t pieces = quotient_rounded_up(info.shape[axis], info.chunk[axis]);
            count *= pieces;
            if (axis > 0) per_sample *= pieces;
            bytes *= info.chunk[axis];
        }
    }
};

LayoutVerdict judge_chunks(const DatasetInfo& info) {
    if (info.chunk.empty()) {
        if (info.layout == "virtual") return {"rows lie in other files or datasets, and cost what they cost there"};
        return {"rows lie one after the other: any of them is read alone at no further cost"};
    }
    const Chunks chunks(info);
    const bool packed = !info.filters.empty();
    const std::string unpacked = packed ? fmt::format(", {} to unpack", bytes_text(chunks.bytes)) : "";
    if (chunks.count == 1 && packed && chunks.bytes > large_chunk) {
        return {fmt::format("one chunk holds the whole file{}: a sample costs as much as all of them", unpacked), true};
    }
    if (chunks.per_sample > 1) {
        const std::string meaning =
            fmt::format("chunks cut across samples: a sample lies in {} chunks of {} samples each{}",
                        with_commas(chunks.per_sample), with_commas(chunks.rows), unpacked);
        const bool costly = packed || chunks.bytes / chunks.rows < small_chunk;
        return {meaning, costly};
    }
    if (chunks.rows == 1 && info.rows() > 1) {
        const bool costly = chunks.bytes < small_chunk;
        return {fmt::format("a chunk a sample: {} chunks of {}{}", with_commas(chunks.count), bytes_text(chunks.bytes),
                            costly ? ", each a read of its own" : ""),
                costly};
    }
    if (!packed) {
        return {fmt::format("a chunk holds {} samples, whole ones: any of them is read alone at no further cost",
                            with_commas(chunks.rows))};
    }
    const bool costly = chunks.bytes > large_chunk;
    return {fmt::format("a chunk holds {} samples, whole ones{} for any of them; blocks of samples cost no more",
                        with_commas(chunks.rows), unpacked),
            costly};
}

} // namespace

LayoutVerdict judge_layout(const DatasetInfo& info) {
    LayoutVerdict verdict = judge_chunks(info);
    verdict.costly = verdict.costly && info.rows() * info.row_bytes() >= large_dataset;
    if (verdict.costly) verdict.advice = advice_for(info);
    return verdict;
}

} // namespace elbo::storage
