// Sums over parts that ranks share: in the parts' order, whoever makes which.
#include "comm/ordered_sum.hpp"
#include "mpi/world.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace {

using namespace elbo;
using elbo::testing::message_of;

// 1e16 swallows the 1 that is added to it: another order would give 2 or 0.
TEST(OrderedSum, AddsPartsInTheirOrder) {
    constexpr std::array<double, 5> terms = {1e16, 1, -1e16, 1, 0.5};
    std::vector<double> sums = {7, 7};
    comm::sum_in_order(
        world(), terms.size(),
        [&](std::size_t part, std::span<double> some) {
            EXPECT_EQ(some[0], 0);
            some[0] += terms[part];
            some[1] += static_cast<double>(part);
        },
        sums);
    EXPECT_EQ(sums, (std::vector<double>{1.5, 10}));
    comm::sum_in_order(
        world(), 0, [](std::size_t, std::span<double>) { FAIL(); }, sums);
    EXPECT_EQ(sums, (std::vector<double>{0, 0}));
}

TEST(OrderedSum, APartThatFailsEndsAll) {
    std::vector<double> sums(1);
    const std::string message = message_of<comm::AgreedError>([&] {
        comm::sum_in_order(
            world(), 9,
            [](std::size_t part, std::span<double>) {
                if (part >= 5) reject("part {} is bad", part);
            },
            sums);
    });
    EXPECT_EQ(message, "part 5 is bad");
}

} // namespace
