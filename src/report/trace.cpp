#include "report/trace.hpp"

#include <nlohmann/json.hpp>

namespace elbo::report {
namespace {

using Json = nlohmann::ordered_json;

Json name_event(const char* what, const TraceRow& row, const std::string& name) {
    return {{"name", what}, {"ph", "M"}, {"pid", row.node}, {"tid", row.row}, {"args", {{"name", name}}}};
}

Json slice_event(const TraceSlice& slice) {
    return {{"name", slice.name},
            {"cat", "training"},
            {"ph", "X"},
            {"pid", slice.node},
            {"tid", slice.row},
            {"ts", slice.begin},
            {"dur", slice.duration},
            {"args", {{"step", slice.step}}}};
}

} // namespace

std::string trace_text(std::span<const TraceRow> rows, std::span<const TraceSlice> slices) {
    std::string text = "[";
    const auto add = [&text](const Json& event) {
        text += (text.size() > 1 ? ",\n" : "\n") + event.dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    for (const TraceRow& row : rows) {
        add(name_event("process_name", row, "node " + row.host));
        add(name_event("thread_name", row, row.name));
    }
    for (const TraceSlice& slice : slices) add(slice_event(slice));
    return text + "\n]\n";
}

} // namespace elbo::report
