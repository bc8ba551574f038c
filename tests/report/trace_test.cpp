// The text of a trace is JSON that chrome://tracing and Perfetto read: an array of events.
#include "report/trace.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <vector>

namespace elbo::report {
namespace {

TEST(Trace, HasANameForEveryRowAndAnEventForEverySlice) {
    const std::vector<TraceRow> rows = {{0, 0, "n1", "rank 0"}, {1, 1, "a \"host\"", "rank 1"}};
    const std::vector<TraceSlice> slices = {{0, 0, "forward", 0, 12.5, 100}, {1, 1, "update", 12.5, 3, 101}};
    const auto events = nlohmann::json::parse(trace_text(rows, slices));
    ASSERT_EQ(events.size(), 2 * rows.size() + slices.size());
    EXPECT_EQ(events[0]["args"]["name"], "node n1");
    EXPECT_EQ(events[3]["name"], "thread_name");
    EXPECT_EQ(events[3]["tid"], 1);
    EXPECT_EQ(events[3]["args"]["name"], "rank 1");
    EXPECT_EQ(events[2]["args"]["name"], "node a \"host\"");
    const auto& slice = events[4];
    EXPECT_EQ(slice["ph"], "X");
    EXPECT_EQ(slice["name"], "forward");
    EXPECT_EQ(slice["dur"], 12.5);
    EXPECT_EQ(slice["args"]["step"], 100);
    EXPECT_EQ(events[5]["pid"], 1);
}

TEST(Trace, OfNothingIsAnEmptyArray) { EXPECT_TRUE(nlohmann::json::parse(trace_text({}, {})).empty()); }

} // namespace
} // namespace elbo::report
