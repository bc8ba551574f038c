// Pieces of work: each made once, used in order on rank 0, and the same error on any number of ranks.
#include "comm/pieces.hpp"
#include "mpi/world.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <new>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>

namespace {

using namespace elbo;
using comm::Makers;
using elbo::testing::message_of;

/// A piece of 1 to 100,000 bytes, all the same.
void make(std::size_t piece, std::vector<std::byte>& bytes) {
    bytes.assign(1 + piece * 7919 % 100000, static_cast<std::byte>(piece));
}

void expect_made(std::size_t piece, std::span<const std::byte> bytes) {
    std::vector<std::byte> expected;
    make(piece, expected);
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end()));
}

TEST(Pieces, ComeInOrderFromTheirMakers) {
    constexpr std::size_t pieces = 50;
    for (const Makers makers : {Makers::all, Makers::one}) {
        std::size_t made = 0, last = 0;
        std::vector<std::size_t> used;
        comm::in_order(
            world(), pieces, makers,
            [&](std::size_t piece, std::vector<std::byte>& bytes) {
                EXPECT_TRUE(bytes.empty());
                if (makers == Makers::one) {
                    EXPECT_EQ(world().rank(), std::min(1, world().size() - 1));
                }
                EXPECT_TRUE(made == 0 || piece > last) << "a rank's pieces ascend";
                last = piece;
                ++made;
                make(piece, bytes);
            },
            [&](std::size_t piece, std::span<const std::byte> bytes) {
                expect_made(piece, bytes);
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

/// The last rank takes ten times as long as the others: these do its work.
TEST(Pieces, SlowRanksMakeFewer) {
    constexpr std::size_t pieces = 60;
    const int last = world().size() - 1;
    std::size_t used = 0;
    std::int64_t made = 0;
    comm::in_order(
        world(), pieces, Makers::all,
        [&](std::size_t piece, std::vector<std::byte>& bytes) {
            std::this_thread::sleep_for(std::chrono::milliseconds(world().rank() == last ? 20 : 2));
            ++made;
            make(piece, bytes);
        },
        [&](std::size_t piece, std::span<const std::byte>) { EXPECT_EQ(piece, used++); });
    const std::vector<std::int64_t> counts = world().gather(made);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), 60);
    if (world().size() > 1) {
        EXPECT_LT(counts.back(), 60 / world().size());
    }
}

/// Rank 0, which takes ten times as long, serves the others meanwhile.
TEST(Pieces, LongOnesAreServedMeanwhile) {
    constexpr std::size_t pieces = 60;
    std::size_t used = 0;
    std::int64_t made = 0;
    comm::in_order(
        world(), pieces,
        [&](std::size_t piece, std::vector<std::byte>& bytes, const comm::Meanwhile& meanwhile) {
            for (int part = 0; part < (world().first() ? 10 : 1); ++part) {
                std::this_thread::sleep_for(std::chrono::milliseconds(2));
                meanwhile();
            }
            ++made;
            make(piece, bytes);
        },
        [&](std::size_t piece, std::span<const std::byte> bytes) {
            expect_made(piece, bytes);
            EXPECT_EQ(piece, used++);
        });
    const std::vector<std::int64_t> counts = world().gather(made);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}), 60);
    if (world().size() > 1) {
        EXPECT_LT(counts.front(), 60 / world().size());
    }
    for (const std::size_t bad : {0, 1, 5, 59}) {
        const auto fail_at = [&](std::size_t piece, std::vector<std::byte>&, const comm::Meanwhile& meanwhile) {
            meanwhile();
            if (piece >= bad) fail("piece {}", piece);
        };
        const auto work = [&] { comm::in_order(world(), pieces, fail_at, [](auto&&...) {}); };
        EXPECT_EQ(message_of<comm::AgreedError>(work), "piece " + std::to_string(bad));
    }
}

TEST(Pieces, FewOrNone) {
    for (const Makers makers : {Makers::all, Makers::one})
        for (std::size_t pieces = 0; pieces < 12; ++pieces) {
            std::size_t used = 0;
            comm::in_order(world(), pieces, makers, make,
                           [&](std::size_t piece, std::span<const std::byte>) { EXPECT_EQ(piece, used++); });
            EXPECT_EQ(used, world().first() ? pieces : 0);
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

TEST(Pieces, ErrorsOfAnyKindEndAlikeWhoeverMakesThem) {
    struct Case {
        std::function<void()> fail;
        std::string message;
        Exit status;
    };
    const auto missing = [] {
        throw std::filesystem::filesystem_error("cannot open", "rows.csv",
                                                std::make_error_code(std::errc::no_such_file_or_directory));
    };
    const Case cases[] = {{missing, "rows.csv: No such file or directory", Exit::wrong_input},
                          {[] { throw std::bad_alloc(); }, "memory ran out; ", Exit::failure},
                          {[] { throw DivergenceError("not finite"); }, "not finite", Exit::diverged}};
    for (const Makers makers : {Makers::all, Makers::one})
        for (const std::size_t bad : {0, 1, 2})
            for (const Case& one : cases) {
                const auto fail_at = [&](std::size_t piece, std::vector<std::byte>& bytes) {
                    if (piece == bad) one.fail();
                    make(piece, bytes);
                };
                try {
                    comm::in_order(world(), 30, makers, fail_at, [](std::size_t, std::span<const std::byte>) {});
                    FAIL() << "nothing was thrown";
                } catch (const comm::AgreedError& error) {
                    EXPECT_TRUE(std::string(error.what()).starts_with(one.message)) << error.what();
                    EXPECT_EQ(error.status(), one.status) << one.message;
                }
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
