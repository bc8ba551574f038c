// The accounting table and its advice, on times that are given.
#include "training/accounting.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace elbo::training {
namespace {

/// A healthy training's seconds.
Accounts healthy() {
    Accounts seconds;
    seconds[Account::start] = 1;
    seconds[Account::data] = 2;
    seconds[Account::forward] = 34;
    seconds[Account::backward] = 50;
    seconds[Account::update] = 10;
    seconds[Account::exchange] = 3;
    seconds[Account::wait] = 1;
    return seconds;
}

std::vector<RankAccounts> four(const Accounts& seconds) {
    std::vector<RankAccounts> ranks;
    for (int rank = 0; rank < 4; ++rank) ranks.push_back({rank, rank < 2 ? "n1" : "n2", seconds});
    return ranks;
}

const StepShape shape{1000, 128, 1, 1'000'000, 2};

std::string advice_on(const std::vector<RankAccounts>& ranks, const StepShape& of = shape) {
    std::string text;
    for (const std::string& sentence : accounting_advice(ranks, of)) text += sentence + "\n";
    return text;
}

::testing::AssertionResult says(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "'" << part << "' is not in: " << text;
}

TEST(Accounting, EveryPhaseIsBookedOnce) {
    comm::PhaseClock::Times times{};
    for (std::size_t phase = 0; phase < times.size(); ++phase) times[phase] = std::int64_t{1'000'000'000} << phase;
    const Accounts seconds(times);
    EXPECT_DOUBLE_EQ(seconds.all(), static_cast<double>((1U << times.size()) - 1));
    const auto of = [](comm::Phase phase) { return static_cast<double>(1U << static_cast<unsigned>(phase)); };
    EXPECT_DOUBLE_EQ(seconds[Account::data], of(comm::Phase::batch) + of(comm::Phase::reading));
    EXPECT_DOUBLE_EQ(seconds[Account::wait], of(comm::Phase::waiting) + of(comm::Phase::agreeing));
    EXPECT_DOUBLE_EQ(seconds[Account::exchange], of(comm::Phase::exchange));
    EXPECT_DOUBLE_EQ(seconds[Account::other], of(comm::Phase::reporting) + of(comm::Phase::ended));
    EXPECT_DOUBLE_EQ(seconds.work() + seconds[Account::wait], seconds.steps());
    EXPECT_DOUBLE_EQ((seconds - seconds).all(), 0);
}

TEST(Accounting, TheTableAddsUpAndFits80Columns) {
    std::vector<RankAccounts> ranks = four(healthy());
    ranks[3].seconds[Account::forward] = 123456.78;
    ranks[1].seconds[Account::forward] = 1;
    for (const auto& some : {ranks, std::vector<RankAccounts>(ranks.begin(), ranks.begin() + 1)}) {
        const std::vector<std::string> lines = accounting_table(some, 1'234'567);
        for (const std::string& line : lines) EXPECT_LE(line.size(), 80U) << line;
        EXPECT_TRUE(says(lines.front(), "1,234,567 steps"));
        const auto none = [](const std::string& line) { return line.starts_with("  picture"); };
        EXPECT_TRUE(std::ranges::none_of(lines, none)) << "no time was spent on pictures";
    }
    const std::vector<std::string> one = accounting_table(std::vector{ranks[0]}, 10), all = accounting_table(ranks, 10);
    EXPECT_EQ(one[3], "  data              2.00      2.0");
    EXPECT_EQ(one.back(), "  all             101.00    100.0");
    EXPECT_TRUE(says(all[4], "123456.78      3          1.00      1"));
    EXPECT_TRUE(says(all[all.size() - 2], "rank 3 on n2"));
    EXPECT_TRUE(says(all.back(), "rank 1 on n1"));
    for (const std::string& line : accounting_table(ranks, 10, 60)) EXPECT_LE(line.size(), 60U) << line;
    EXPECT_EQ(accounting_table(ranks, 10, 73)[4].size(), 33U) << "without the longest and the shortest";
}

TEST(Accounting, NothingIsSaidOfAHealthyTraining) { EXPECT_EQ(advice_on(four(healthy())), ""); }

TEST(Accounting, NothingIsSaidOfLessThanASecond) {
    Accounts seconds;
    seconds[Account::data] = 0.9;
    EXPECT_EQ(advice_on(four(seconds)), "");
    seconds[Account::data] = 1.1;
    EXPECT_NE(advice_on(four(seconds)), "");
}

TEST(Accounting, NamesARankThatTheOthersWaitFor) {
    std::vector<RankAccounts> ranks = four(healthy());
    for (RankAccounts& rank : ranks) rank.seconds[Account::wait] = rank.rank == 2 ? 0 : 40;
    ranks[2].seconds[Account::backward] += 40;
    const std::string text = advice_on(ranks);
    EXPECT_TRUE(says(text, "rank 2 on n2 works 28 % longer than the mean"));
    EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
}

TEST(Accounting, TellsAnExchangeThatIsNotHiddenFromTooManyRanks) {
    Accounts seconds = healthy();
    seconds[Account::wait] = 30;
    StepShape two_nodes = shape;
    two_nodes.nodes = 2;
    EXPECT_TRUE(says(advice_on(four(seconds), two_nodes), "23 % of the steps' time waits for messages between nodes"));
    EXPECT_TRUE(says(advice_on(four(seconds)), "waits for other ranks, none of which is slower"));
}

TEST(Accounting, TellsOfDataAndCheckpoints) {
    Accounts seconds = healthy();
    seconds[Account::data] = 30;
    EXPECT_TRUE(says(advice_on(four(seconds)), "makes batches"));
    seconds = healthy();
    seconds[Account::saving] = 20;
    EXPECT_TRUE(says(advice_on(four(seconds)), "checkpoint.every"));
}

TEST(Accounting, TellsASmallBatchFromMemoryBandwidth) {
    Accounts seconds = healthy();
    seconds[Account::update] = 60;
    StepShape few = shape;
    few.rows = 20;
    EXPECT_TRUE(says(advice_on(four(seconds), few), "20 rows a rank are few"));
    const std::string text = advice_on(four(seconds));
    EXPECT_TRUE(says(text, "bound by memory bandwidth"));
    EXPECT_TRUE(says(text, "26.7 MiB a step")); // 1 M floats: gradient, value and two states read, all but one written
    seconds = healthy();
    seconds[Account::exchange] = 30;
    EXPECT_TRUE(says(advice_on(four(seconds)), "sums of gradients"));
}

TEST(Accounting, TheEventHasEveryAccount) {
    const std::vector<std::string> advice = {"one", "two"};
    const report::Fields fields = accounting_event(four(healthy()), shape, advice);
    const auto value = [&](const std::string& name) {
        const auto found = std::ranges::find(fields, name, &report::Fields::value_type::first);
        return found == fields.end() ? report::Value(false) : found->second;
    };
    EXPECT_EQ(value("ranks"), report::Value(std::int64_t{4}));
    EXPECT_EQ(value("steps"), report::Value(std::int64_t{1000}));
    for (const std::string_view name : account_names)
        EXPECT_TRUE(std::holds_alternative<double>(value("phases." + std::string(name)))) << name;
    EXPECT_EQ(value("phases.backward"), report::Value(50.0));
    EXPECT_EQ(value("advice"), report::Value("one; two"));
}

} // namespace
} // namespace elbo::training
