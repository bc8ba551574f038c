// Slices of time as a Chrome trace: what chrome://tracing and Perfetto read ("Trace Event Format", JSON array form).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace elbo::report {

/// A row of the picture: a thread of a process, which here is a rank (or a thread of its) of a node.
struct TraceRow {
    int node = 0, row = 0;
    std::string host, name; ///< "rank 3", "checkpoint writer"
};

struct TraceSlice {
    int node = 0, row = 0;
    std::string_view name;
    double begin = 0, duration = 0; ///< microseconds
    std::uint64_t step = 0;
};

/// One event a line: names of the rows, then a complete event a slice.
std::string trace_text(std::span<const TraceRow> rows, std::span<const TraceSlice> slices);

} // namespace elbo::report
