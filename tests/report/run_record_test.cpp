// What a report gathers from runs' folders: of runs that go on, failed, were killed, or hold what nobody expected.
#include "report/page.hpp"
#include "report/run_record.hpp"

#include "base/error.hpp"
#include "storage/folder_lock.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cmath>
#include <cstdlib>

namespace {

using namespace elbo;
using elbo::testing::TemporaryFolder;
using elbo::testing::write_bytes;
using nlohmann::json;

constexpr const char* step_line = R"({"kind":"train","over":"steps","epoch":1,"step":100,"elbo":-150.5,"rate":0.001})";
constexpr const char* epoch_line = R"({"kind":"train","over":"epoch","epoch":1,"step":120,"elbo":-140})";
constexpr const char* validation_line = R"({"kind":"validation","epoch":1,"step":120,"elbo":-130,"bound_20":-125})";

/// A run that is done.
void make_run(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    write_bytes(folder / "metrics.jsonl", fmt::format("{}\n{}\n{}\n", step_line, epoch_line, validation_line));
    write_bytes(folder / "events.jsonl", "{\"time\":\"2026-11-22T00:00:00Z\",\"event\":\"start\"}\n");
    write_bytes(folder / "status.json", R"({"state":"done","exit":0,"epoch":1})");
    write_bytes(folder / "configuration.yaml", "seed: 1\nmodel:\n  latent: 4\n");
}

std::string notes_of(const report::RunRecord& run) {
    std::string all;
    for (const std::string& note : run.notes) all += note + "\n";
    return all;
}

/// The block that the page's scripts read, as they would.
json data_of(const std::string& page) {
    const std::string begin = R"(<script type="application/json" id="data">)";
    const std::size_t at = page.find(begin) + begin.size();
    return json::parse(page.substr(at, page.find("</script>", at) - at));
}

TEST(RunRecord, SortsLinesByWhatTheyAreOf) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    const report::RunRecord run = report::read_run(folder / "run");
    EXPECT_EQ(run.state, "done");
    EXPECT_EQ(run.steps.figures.at("elbo"), std::vector<double>{-150.5});
    EXPECT_EQ(run.steps.figures.at("rate"), std::vector<double>{0.001});
    EXPECT_EQ(run.epochs.figures.at("step"), std::vector<double>{120});
    EXPECT_EQ(run.validation.figures.at("bound_20"), std::vector<double>{-125});
    EXPECT_EQ(run.events.size(), 1U);
    const std::vector<std::pair<std::string, std::string>> keys = {{"seed", "1"}, {"model.latent", "4"}};
    EXPECT_EQ(run.keys, keys);
}

TEST(RunRecord, ATornLastLineIsLeftOutAndSo) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    write_bytes(folder / "run/metrics.jsonl", fmt::format("{}\nnonsense\n{{\"kind\":\"tra", step_line));
    const report::RunRecord run = report::read_run(folder / "run");
    EXPECT_EQ(run.steps.count, 1U);
    EXPECT_CONTAINS(notes_of(run), "the last line of metrics.jsonl is torn");
    EXPECT_CONTAINS(notes_of(run), "1 lines of metrics.jsonl are no JSON objects");
    EXPECT_CONTAINS(notes_of(run), "no validation");
}

TEST(RunRecord, AFigureThatSomeLinesLackIsNotANumberThere) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    write_bytes(folder / "run/metrics.jsonl",
                fmt::format("{}\n{{\"kind\":\"train\",\"over\":\"steps\",\"step\":200,\"elbo\":-1,\"new\":7}}\n{}\n",
                            step_line, step_line));
    const report::RunRecord run = report::read_run(folder / "run");
    ASSERT_EQ(run.steps.figures.at("new").size(), 3U);
    EXPECT_TRUE(std::isnan(run.steps.figures.at("new")[0]));
    EXPECT_EQ(run.steps.figures.at("new")[1], 7);
    EXPECT_TRUE(std::isnan(run.steps.figures.at("rate")[1]));
    EXPECT_TRUE(data_of(report::page_text({&run, 1}, "1"))["runs"][0]["lines"]["steps"]["figures"]["new"][0].is_null());
}

TEST(RunRecord, ManyLinesBecomeMeansOfNeighbours) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    std::string text;
    for (int i = 1; i <= 7000; ++i)
        text += fmt::format("{{\"kind\":\"train\",\"over\":\"steps\",\"step\":{},\"elbo\":{},\"seconds\":{}}}\n", i, -i,
                            2 * i);
    write_bytes(folder / "run/metrics.jsonl", text);
    const report::Lines steps = report::read_run(folder / "run").steps;
    EXPECT_EQ(steps.each, 3U);
    EXPECT_EQ(steps.count, 2334U); // the last one is of a single line
    EXPECT_EQ(steps.figures.at("elbo").front(), -2);
    EXPECT_EQ(steps.figures.at("step").front(), 3);
    EXPECT_EQ(steps.figures.at("seconds").front(), 6);
    EXPECT_EQ(steps.figures.at("elbo").back(), -7000);
}

TEST(RunRecord, TellsARunningRunFromAKilledOne) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    write_bytes(folder / "run/status.json", R"({"state":"running","exit":null})");
    EXPECT_EQ(report::read_run(folder / "run").state, "interrupted");
    write_bytes(folder / "run/lock", "host h\n");
    EXPECT_EQ(report::read_run(folder / "run").state, "running");
    std::filesystem::last_write_time(folder / "run/lock",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::minutes(10));
    EXPECT_EQ(report::read_run(folder / "run").state, "interrupted");
    {
        const storage::FolderLock lock(folder / "run");
        EXPECT_EQ(report::read_run(folder / "run").state, "running");
        std::filesystem::remove(folder / "run/status.json");
        EXPECT_EQ(report::read_run(folder / "run").state, "running");
    }
    EXPECT_EQ(report::read_run(folder / "run").state, "interrupted");
}

/// A process that is gone from this host is known to be, however lately it touched its lock.
TEST(RunRecord, ALockWhoseHolderIsGoneHoldsNothing) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    write_bytes(folder / "run/status.json", R"({"state":"running","exit":null})");
    ASSERT_EXIT(
        {
            const storage::FolderLock lock(folder / "run");
            std::_Exit(0);
        },
        ::testing::ExitedWithCode(0), "");
    ASSERT_TRUE(std::filesystem::exists(folder / "run/lock"));
    EXPECT_EQ(report::read_run(folder / "run").state, "interrupted");
}

TEST(RunRecord, ManyPicturesAreThinnedWithBothEnds) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    std::filesystem::create_directory(folder / "run/samples");
    for (int epoch = 1; epoch <= 100; ++epoch)
        write_bytes(folder / fmt::format("run/samples/epoch-{:04}.png", epoch), "\x89PNG");
    for (const char* other : {"epoch-x.png", "epoch-0101.txt", "0101.png"})
        write_bytes(folder / "run/samples" / other, "\x89PNG");
    const report::RunRecord run = report::read_run(folder / "run");
    EXPECT_EQ(run.all_pictures, 100U);
    ASSERT_EQ(run.pictures.size(), report::most_pictures);
    EXPECT_EQ(run.pictures.front().epoch, 1U);
    EXPECT_EQ(run.pictures.back().epoch, 100U);
}

TEST(RunRecord, RefusesWhatIsNoRun) {
    const TemporaryFolder folder;
    write_bytes(folder / "file", "x");
    std::filesystem::create_directory(folder / "empty");
    const auto message = [&](const char* name) {
        return elbo::testing::message_of<InputError>([&] { report::read_run(folder / name); });
    };
    EXPECT_CONTAINS(message("none"), "no such run");
    EXPECT_CONTAINS(message("file"), "is a file; expected a run's folder");
    EXPECT_CONTAINS(message("empty"), "holds no run");
}

TEST(RunRecord, NamesTellRunsApart) {
    const TemporaryFolder folder;
    std::vector<report::RunRecord> runs(2);
    runs[0].folder = folder / "a/run";
    runs[1].folder = folder / "b/other/";
    report::name_runs(runs);
    EXPECT_EQ(runs[0].name, "run");
    EXPECT_EQ(runs[1].name, "other");
    runs[1].folder = folder / "b/run";
    report::name_runs(runs);
    EXPECT_EQ(runs[0].name, (folder / "a/run").string());
    EXPECT_EQ(runs[1].name, (folder / "b/run").string());
}

TEST(Page, NothingFromARunCanEndTheBlockOfData) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    const std::string hostile = "</script><script>alert(1)</script><!-- <b> & \xff";
    report::RunRecord run = report::read_run(folder / "run");
    run.name = run.configuration = hostile;
    run.keys = {{hostile, hostile}};
    run.notes = {hostile};
    run.latents.kl = {1};
    run.latents.columns = {hostile};
    run.latents.labels = {{1}};
    run.shown.prior.text = hostile;
    const std::string page = report::page_text({&run, 1}, "1");
    const std::string plain = report::page_text({}, "1");
    const auto count = [](const std::string& text, std::string_view part) {
        std::size_t found = 0;
        for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
        return found;
    };
    for (const char* part : {"<script", "</script", "<!--", "alert(1)</"})
        EXPECT_EQ(count(page, part), count(plain, part));
    const std::string name = data_of(page)["runs"][0]["name"];
    EXPECT_EQ(name, "</script><script>alert(1)</script><!-- <b> & \xEF\xBF\xBD");
}

TEST(Page, NeedsNothingFromElsewhere) {
    const std::string page = report::page_text({}, "1");
    for (const char* part : {"src=\"http", "src='http", "@import", "url(http", "<link rel=\"stylesheet\""})
        EXPECT_EQ(page.find(part), std::string::npos) << part;
    EXPECT_CONTAINS(page, "Content-Security-Policy");
    EXPECT_CONTAINS(page, "Released under the MIT License");
    EXPECT_CONTAINS(page, "Permission is hereby granted, free of charge");
    for (const char* place : {"{{style}}", "{{data}}", "{{chart}}", "{{script}}", "{{licence}}"})
        EXPECT_EQ(page.find(place), std::string::npos) << place;
}

TEST(Page, HoldsTheNewestEventsWithoutSaves) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    std::string text;
    for (int i = 1; i <= 310; ++i)
        text += fmt::format("{{\"event\":\"warning\",\"step\":{}}}\n{{\"event\":\"save\"}}\n", i);
    write_bytes(folder / "run/events.jsonl", text);
    const report::RunRecord run = report::read_run(folder / "run");
    const json events = data_of(report::page_text({&run, 1}, "1"))["runs"][0]["events"];
    ASSERT_EQ(events.size(), 300U);
    EXPECT_EQ(events.front()["step"], 11);
    EXPECT_EQ(events.back()["step"], 310);
}

TEST(Page, FiguresHaveEightDigits) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    write_bytes(folder / "run/metrics.jsonl", R"({"kind":"validation","epoch":1,"step":1,"elbo":-123456.789012345})"
                                              "\n");
    const report::RunRecord run = report::read_run(folder / "run");
    const json lines = data_of(report::page_text({&run, 1}, "1"))["runs"][0]["lines"];
    EXPECT_EQ(lines["validation"]["figures"]["elbo"][0], -123456.79);
}

TEST(Page, PicturesStandInIt) {
    const TemporaryFolder folder;
    make_run(folder / "run");
    std::filesystem::create_directory(folder / "run/samples");
    write_bytes(folder / "run/samples/epoch-0001.png", "\x89PNG\r\n");
    write_bytes(folder / "run/samples/epoch-0002.png", "no picture");
    write_bytes(folder / "run/samples/epoch-0003.png", "\x89PNG" + std::string(std::size_t{4} << 20, ' '));
    const report::RunRecord run = report::read_run(folder / "run");
    const json shown = data_of(report::page_text({&run, 1}, "1"))["runs"][0];
    ASSERT_EQ(shown["pictures"].size(), 1U);
    EXPECT_EQ(shown["pictures"][0]["uri"], "data:image/png;base64,iVBORw0K"); // as coreutils' base64 has it
    EXPECT_EQ(shown["notes"].back(), "2 of samples/ are no PNG pictures of up to 4 MiB, and left out");
}

} // namespace
