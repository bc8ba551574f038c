// Collective calls and errors that all ranks agree on.
#include "comm/communicator.hpp"
#include "mpi/world.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace elbo;
using elbo::testing::contains;
using elbo::testing::message_of;

TEST(Communicator, SumsAndExtremesAreOverAllRanks) {
    const int size = world().size();
    std::array<double, 2> values = {1.0, static_cast<double>(world().rank())};
    world().sum(values);
    EXPECT_EQ(values[0], size);
    EXPECT_EQ(values[1], size * (size - 1) / 2);
    EXPECT_EQ(world().least(world().rank() + 5), 5);
    EXPECT_EQ(world().most(world().rank()), size - 1);
}

TEST(Communicator, BroadcastsTextOfAnyLength) {
    const std::string long_text(1 << 20, 'x');
    EXPECT_EQ(world().broadcast(world().first() ? long_text : "other"), long_text);
    EXPECT_EQ(world().broadcast(world().first() ? "" : "other"), "");
}

TEST(Communicator, AnErrorOfOneRankReachesAllAndNamesIt) {
    const int bad = world().size() - 1;
    const std::string message = message_of<comm::AgreedError>([&] {
        world().together([&] {
            if (world().rank() == bad) reject("the row is missing");
        });
    });
    EXPECT_TRUE(contains(message, "the row is missing")) << message;
    EXPECT_EQ(contains(message, "rank " + std::to_string(bad)), world().size() > 1) << message;
}

TEST(Communicator, AnErrorThatAllShareIsToldOnceWithItsStatus) {
    try {
        world().together([] { reject("no such file"); });
        FAIL() << "nothing was thrown";
    } catch (const comm::AgreedError& error) {
        EXPECT_STREQ(error.what(), "no such file");
        EXPECT_EQ(error.status(), Exit::wrong_input);
    }
}

TEST(Communicator, AnErrorOfTheFirstRanksWorkReachesAll) {
    int calls = 0;
    try {
        world().on_first([&] {
            ++calls;
            fail("disk full");
        });
        FAIL() << "nothing was thrown";
    } catch (const comm::AgreedError& error) {
        EXPECT_STREQ(error.what(), "disk full");
        EXPECT_EQ(error.status(), Exit::failure);
    }
    EXPECT_EQ(calls, world().first() ? 1 : 0);
}

TEST(Communicator, AnErrorOfAPartOfTheRanksIsNotTakenForOneOfAll) {
    const comm::Communicator alone = world().node(false);
    const bool whole = world().size() == 1;
    const auto work = [] { reject("no such file"); };
    for (const std::function<void()>& call :
         {std::function<void()>([&] { alone.together(work); }), std::function<void()>([&] { alone.on_first(work); })}) {
        try {
            call();
            FAIL() << "nothing was thrown";
        } catch (const Error& error) {
            EXPECT_STREQ(error.what(), "no such file");
            EXPECT_EQ(error.status(), Exit::wrong_input);
            EXPECT_EQ(dynamic_cast<const comm::AgreedError*>(&error) != nullptr, whole);
        }
    }
}

TEST(Communicator, GathersByRank) {
    const std::vector<std::int64_t> values = world().gather(world().rank() * 10);
    const std::vector<std::string> texts = world().gather(std::string(static_cast<std::size_t>(world().rank()), 'x'));
    ASSERT_EQ(values.size(), static_cast<std::size_t>(world().size()));
    for (std::size_t rank = 0; rank < values.size(); ++rank) {
        EXPECT_EQ(values[rank], static_cast<std::int64_t>(10 * rank));
        EXPECT_EQ(texts[rank].size(), rank);
    }
}

TEST(Communicator, RanksThatDifferAreNamed) {
    EXPECT_NO_THROW(world().require_same("the weather", "fine"));
    if (world().size() < 2) return;
    const std::string message = message_of<comm::AgreedError>(
        [&] { world().require_same("the weather", world().rank() == world().size() - 1 ? "rain" : "fine"); });
    EXPECT_TRUE(contains(message, "rank " + std::to_string(world().size() - 1))) << message;
    EXPECT_TRUE(contains(message, "rain") && contains(message, "fine") && contains(message, "weather")) << message;
}

} // namespace
