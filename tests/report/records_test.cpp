// Lines of metrics.jsonl and events.jsonl, status.json.
#include "report/records.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <regex>

namespace {

using namespace elbo;
using nlohmann::json;

TEST(Records, AMetricsLineHoldsItsFieldsInOrder) {
    report::Metrics metrics{"train", "steps"};
    metrics.epoch = 3;
    metrics.step = 1407;
    metrics.samples = 12800;
    metrics.reconstruction = -80.25;
    metrics.kl = 24.5;
    metrics.rate = 1e-3;
    metrics.kl_weight = 0.5;
    metrics.gradient_norm = 12.5;
    metrics.seconds = 2;
    metrics.samples_per_second = 40000;
    EXPECT_EQ(report::metrics_line(metrics),
              R"({"kind":"train","over":"steps","epoch":3,"step":1407,"samples":12800,"elbo":-104.75,)"
              R"("reconstruction":-80.25,"kl":24.5,"rate":0.001,"kl_weight":0.5,"gradient_norm":12.5,)"
              R"("seconds":2.0,"samples_per_second":40000.0})");
}

TEST(Records, FiguresReadBackExactly) {
    report::Metrics metrics{"validation", ""};
    metrics.reconstruction = -100.1 / 3;
    metrics.kl = 1e-17;
    const json line = json::parse(report::metrics_line(metrics));
    EXPECT_EQ(line["reconstruction"].get<double>(), metrics.reconstruction);
    EXPECT_EQ(line["kl"].get<double>(), metrics.kl);
    EXPECT_FALSE(line.contains("rate"));
    EXPECT_FALSE(line.contains("over"));
}

TEST(Records, AMetricsLineIsReadBack) {
    report::Metrics metrics{"validation", ""};
    metrics.epoch = 2;
    metrics.step = 8;
    metrics.samples = 50;
    metrics.reconstruction = -100.1 / 3;
    metrics.active_units = 7;
    const auto line = report::parse_metrics_line(report::metrics_line(metrics));
    ASSERT_TRUE(line);
    EXPECT_EQ(line->kind, "validation");
    EXPECT_EQ(line->over, "");
    EXPECT_EQ(line->epoch, 2u);
    EXPECT_EQ(line->step, 8u);
    EXPECT_EQ(line->figure("elbo"), metrics.elbo());
    EXPECT_EQ(line->figure("active_units"), 7);
    EXPECT_EQ(line->figure("samples"), std::nullopt);
    EXPECT_EQ(line->figure("step"), std::nullopt);
}

TEST(Records, WhatIsNoMetricsLineIsNone) {
    for (const char* text :
         {"", "{", "7", "[]", "null", R"({"kind":"train","epoch":1})", "\xff\xfe", R"({"kind":1,"epoch":1,"step":1})",
          R"({"kind":"train","epoch":-1,"step":1})", R"({"kind":"train","over":"steps","epoch":1,"step":4)"})
        EXPECT_FALSE(report::parse_metrics_line(text)) << text;
    // A figure that is not finite is written as null.
    const auto line = report::parse_metrics_line(R"({"kind":"train","epoch":1,"step":4,"elbo":null,"kl":2})");
    ASSERT_TRUE(line);
    EXPECT_EQ(line->figures, (std::vector<std::pair<std::string, double>>{{"kl", 2}}));
}

TEST(Records, EventsSurviveAnyText) {
    const std::string text = "quote \" newline \n broken \xff";
    const std::string line =
        report::event_line("warning", {{"message", text}, {"step", std::int64_t{7}}, {"best", true}});
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const json event = json::parse(line);
    EXPECT_EQ(event["event"], "warning");
    EXPECT_EQ(event["step"], 7);
    EXPECT_EQ(event["best"], true);
    EXPECT_TRUE(std::regex_match(event["time"].get<std::string>(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")));
}

TEST(Records, ADotInANameStandsForAnObjectWithin) {
    const report::Fields fields = {{"a.b", 0.5}, {"a.c.d", std::int64_t{2}}, {"e", std::string("x")}};
    EXPECT_EQ(json::parse(report::object_text(fields)), json({{"a", {{"b", 0.5}, {"c", {{"d", 2}}}}}, {"e", "x"}}));
    EXPECT_EQ(json::parse(report::event_line("accounting", fields))["a"]["b"], 0.5);
    EXPECT_EQ(report::object_text({}), "{}\n");
}

TEST(Records, AStatusKnowsItsExit) {
    EXPECT_TRUE(json::parse(report::status_text("running", std::nullopt, {}))["exit"].is_null());
    EXPECT_EQ(json::parse(report::status_text("diverged", Exit::diverged, {}))["exit"], 3);
}

} // namespace
