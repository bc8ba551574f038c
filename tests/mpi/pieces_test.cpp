// Pieces of work: each made once, used in order on rank 0, and the same error on any number of ranks.
#include "comm/pieces.hpp"
#include "mpi/world.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace {

using namespace elbo;
using comm::Makers;
using elbo::testing::message_of;

/// A piece of 1 to 100,000 bytes, all the same.
void make(std::size_t piece, std::vector<std::byte>& bytes) {
    bytes.assign(1 + piece * 7919 % 100000, static_cast<std::byte>(piece));
}

/// The rank that should make a piece.
int maker_of(std::size_t piece, Makers makers) {
    const int size = world().size();
    return makers == Makers::all ? static_cast<int>(piece % static_cast<std::size_t>(size)) : std::min(1, size - 1);
}

TEST(Pieces, ComeInOrderFromTheirMakers) {
    constexpr std::size_t pieces = 50;
    for (const Makers makers : {Makers::all, Makers::one}) {
        std::size_t made = 0;
        std::vector<std::size_t> used;
        comm::in_order(
            world(), pieces, makers,
            [&](std::size_t piece, std::vector<std::byte>& bytes) {
                EXPECT_TRUE(bytes.empty());
                EXPECT_EQ(world().rank(), maker_of(piece, makers));
                ++made;
                make(piece, bytes);
            },
            [&](std::size_t piece, std::span<const std::byte> bytes) {
                std::vector<std::byte> expected;
                make(piece, expected);
                EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end()));
                used.push_back(piece);
            });
        EXPECT_EQ(world().gather(static_cast<std::int64_t>(used.size()))[0], 50);
        if (world().first()) {
            std::vector<std::size_t> all(pieces);
            std::iota(all.begin(), all.end(), 0);
            EXPECT_EQ(used, all);
        } else {
            EXPECT_TRUE(used.empty());
        }
        const std::vector<std::int64_t> counts = world().gather(static_cast<std::int64_t>(made));
        EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), 50);
        comm::in_order(
            world(), 0, makers, [](std::size_t, std::vector<std::byte>&) { FAIL(); },
            [](std::size_t, std::span<const std::byte>) { FAIL(); });
    }
}

TEST(Pieces, TheFirstErrorEndsAllRanks) {
    const auto fail_at = [](std::size_t bad, bool wrong_input) {
        return [=](std::size_t piece, std::vector<std::byte>& bytes) {
            if (piece >= bad && wrong_input) reject("piece {} is damaged", piece);
            if (piece >= bad) throw std::runtime_error("piece " + std::to_string(piece));
            make(piece, bytes);
        };
    };
    const auto nothing = [](std::size_t, std::span<const std::byte>) {};
    for (const Makers makers : {Makers::all, Makers::one})
        for (const std::size_t bad : {0, 1, 2, 3, 17, 29}) {
            try {
                comm::in_order(world(), 30, makers, fail_at(bad, true), nothing);
                FAIL() << "nothing was thrown";
            } catch (const comm::AgreedError& error) {
                EXPECT_EQ(error.what(), "piece " + std::to_string(bad) + " is damaged");
                EXPECT_EQ(error.status(), Exit::wrong_input);
            }
            const auto work = [&] { comm::in_order(world(), 30, makers, fail_at(bad, false), nothing); };
            EXPECT_EQ(message_of<comm::AgreedError>(work), "piece " + std::to_string(bad));
        }
}

TEST(Pieces, AnErrorInTheirUseEndsAllRanks) {
    for (const Makers makers : {Makers::all, Makers::one})
        for (const std::size_t bad : {0, 1, 5, 29}) {
            const auto use = [&](std::size_t piece, std::span<const std::byte>) {
                if (piece == bad) fail("disk full at {}", piece);
            };
            EXPECT_EQ(message_of<comm::AgreedError>([&] { comm::in_order(world(), 30, makers, make, use); }),
                      "disk full at " + std::to_string(bad));
        }
    world().barrier(); // nothing is left on the way
}

} // namespace
