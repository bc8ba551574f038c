// Collective calls and errors that all ranks agree on.
#include "comm/communicator.hpp"
#include "comm/exchange.hpp"
#include "mpi/world.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>

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

TEST(Exchange, SumsGradientsAndUpdatesEveryElementOnce) {
    constexpr std::size_t count = 10007;
    comm::Exchange exchange(world(), count);
    for (std::size_t i = 0; i < count; ++i)
        exchange.gradients()[i] = static_cast<float>(i % 7 + static_cast<std::size_t>(world().rank()));
    exchange.reduce();
    const int size = world().size();
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double expected = static_cast<double>(i % 7) * size + size * (size - 1) / 2;
        squares += expected * expected;
    }
    EXPECT_NEAR(exchange.gradient_norm(), std::sqrt(squares), 1e-9 * std::sqrt(squares));
    exchange.update([&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) exchange.values()[i] += exchange.gradients()[i] + 1;
    });
    for (std::size_t i = 0; i < count; ++i)
        ASSERT_EQ(exchange.values()[i], static_cast<float>(static_cast<int>(i % 7) * size + size * (size - 1) / 2 + 1));
}

} // namespace
