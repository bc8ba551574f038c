// The node-shared replica and its canonical sums: the same bits for every layout of virtual ranks over ranks and nodes.
#include "comm/exchange.hpp"
#include "comm/remote.hpp"
#include "mpi/world.hpp"
#include "numerics/random.hpp"
#include "numerics/sums.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include <sys/mman.h>

namespace {

using namespace elbo;
using comm::Leaves;

constexpr int steps = 3;

/// A gradient whose elements differ in magnitude, so that the order of additions shows in the bits.
void fill_gradient(std::size_t virtual_rank, int step, std::span<float> out) {
    fill_normal({7, Purpose::initial_values, static_cast<std::uint32_t>(step)}, virtual_rank, 0, out);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] *= std::exp2(static_cast<float>((i + virtual_rank) % 13));
}

/// The canonical sum as design says it: recursively, by one who computes everything.
std::vector<float> canonical_sum(Leaves node, int step, std::size_t parameters) {
    std::vector<float> sum(parameters);
    if (node.size() == 1) {
        fill_gradient(node.begin, step, sum);
        return sum;
    }
    std::size_t half = 1;
    while (2 * half < node.size()) half *= 2;
    sum = canonical_sum({node.begin, node.begin + half}, step, parameters);
    const std::vector<float> right = canonical_sum({node.begin + half, node.end}, step, parameters);
    for (std::size_t i = 0; i < parameters; ++i) sum[i] += right[i];
    return sum;
}

struct Outcome {
    std::vector<float> values;
    std::vector<double> norms;
};

Outcome expected(std::size_t parameters, std::size_t virtual_ranks) {
    Outcome outcome{std::vector<float>(parameters, 1), {}};
    for (int step = 0; step < steps; ++step) {
        const std::vector<float> sum = canonical_sum({0, virtual_ranks}, step, parameters);
        std::vector<double> squares;
        for (std::size_t begin = 0; begin < parameters; begin += sum_block)
            squares.push_back(sum_of_squares(std::span(sum).subspan(begin, std::min(sum_block, parameters - begin))));
        outcome.norms.push_back(std::sqrt(tree_sum(squares)));
        for (std::size_t i = 0; i < parameters; ++i) outcome.values[i] -= 0.125F * sum[i];
    }
    return outcome;
}

/// What the ranks compute together; pieces: how many parts a backward pass reports as final one after the other.
Outcome computed(std::size_t parameters, std::size_t virtual_ranks, bool shared, bool norm, int pieces,
                 const comm::Messages& messages = {}) {
    const comm::Nodes nodes(world(), shared);
    comm::Exchange exchange(nodes, parameters, virtual_ranks, Precision::fp32, messages);
    exchange.write_values([](std::span<float> values) { std::fill(values.begin(), values.end(), 1.0F); });
    Outcome outcome;
    for (int step = 0; step < steps; ++step) {
        const auto evaluate = [&](std::size_t leaf, std::span<float> gradients, const comm::FinalFrom& final_from) {
            EXPECT_TRUE((nodes.my_leaves(virtual_ranks).contains({leaf, leaf + 1})));
            fill_gradient(leaf, step, gradients);
            for (int piece = pieces; piece-- > 0;)
                final_from(parameters * static_cast<std::size_t>(piece) / static_cast<std::size_t>(pieces));
        };
        const auto update = [&](comm::Slice slice, std::size_t) {
            for (std::size_t i = slice.begin; i < slice.end; ++i)
                exchange.values()[i] -= 0.125F * exchange.gradients()[i];
            return true;
        };
        if (norm)
            exchange.step(evaluate, update, [&](comm::Wishes) {
                outcome.norms.push_back(exchange.gradient_norm());
                return true;
            });
        else
            exchange.step(evaluate, update);
    }
    outcome.values.assign(exchange.values().begin(), exchange.values().end());
    const std::vector<std::int64_t> hashes = world().gather(exchange.values_hash());
    for (const std::int64_t hash : hashes) EXPECT_EQ(hash, hashes.front());
    return outcome;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

TEST(Exchange, EveryLayoutGivesTheCanonicalSum) {
    const auto ranks = static_cast<std::size_t>(world().size());
    for (const std::size_t virtual_ranks : {ranks, ranks + 1, std::size_t{6}, std::size_t{8}, std::size_t{13}})
        for (const std::size_t parameters : {std::size_t{1}, std::size_t{5000}, std::size_t{600001}}) {
            const Outcome right = expected(parameters, virtual_ranks);
            for (const bool shared : {true, false}) {
                const Outcome plain = computed(parameters, virtual_ranks, shared, false, 1);
                EXPECT_TRUE(same_bits(plain.values, right.values))
                    << virtual_ranks << ' ' << parameters << ' ' << shared;
                const Outcome normed = computed(parameters, virtual_ranks, shared, true, 5);
                EXPECT_TRUE(same_bits(normed.values, right.values))
                    << virtual_ranks << ' ' << parameters << ' ' << shared;
                EXPECT_EQ(normed.norms, right.norms);
            }
            for (const comm::RouteKind& kind : comm::route_kinds()) {
                const Outcome apart = computed(parameters, virtual_ranks, false, false, 5, {1 << 17, kind.route});
                EXPECT_TRUE(same_bits(apart.values, right.values))
                    << virtual_ranks << ' ' << parameters << ' ' << kind.name;
            }
        }
}

/// Gradients that are rounded where they leave a node: every node goes on with the same sums (computed() compares their
/// hashes), which are off by a few roundings of 2^-9 of what is added, and on a single node by none.
TEST(Exchange, GradientsMayTravelInBf16) {
    const auto ranks = static_cast<std::size_t>(world().size());
    constexpr std::size_t parameters = 100'003;
    for (const std::size_t virtual_ranks : {ranks, std::size_t{13}}) {
        const Outcome right = expected(parameters, virtual_ranks);
        std::vector<float> magnitude(parameters), gradient(parameters);
        for (int step = 0; step < steps; ++step)
            for (std::size_t leaf = 0; leaf < virtual_ranks; ++leaf) {
                fill_gradient(leaf, step, gradient);
                for (std::size_t i = 0; i < parameters; ++i) magnitude[i] += std::abs(gradient[i]);
            }
        for (const comm::RouteKind& kind : comm::route_kinds()) {
            const Outcome rounded =
                computed(parameters, virtual_ranks, false, false, 3, {1 << 16, kind.route, Precision::bf16});
            EXPECT_EQ(same_bits(rounded.values, right.values), ranks == 1) << kind.name;
            const float roundings = 2 + 2 * std::log2(static_cast<float>(ranks)) + 2; // a stage, and of values in fp32
            for (std::size_t i = 0; i < parameters; ++i)
                ASSERT_NEAR(rounded.values[i], right.values[i], roundings / 512 * 0.125F * magnitude[i] + 1e-5F)
                    << kind.name << ' ' << i;
        }
    }
}

/// Without its messages an exchange makes the same sums on each node alone.
TEST(Exchange, LeavesItsMessagesOut) {
    const comm::Nodes nodes(world(), false);
    comm::Exchange exchange(nodes, 50'000, static_cast<std::size_t>(world().size()));
    std::vector<float> seen;
    const auto evaluate = [](std::size_t leaf, std::span<float> gradients, const comm::FinalFrom&) {
        std::ranges::fill(gradients, static_cast<float>(leaf + 1));
    };
    const auto update = [&](comm::Slice slice, std::size_t) {
        for (std::size_t i = slice.begin; i < slice.end; ++i) seen.push_back(exchange.gradients()[i]);
        return true;
    };
    const auto ranks = static_cast<float>(world().size());
    for (const bool out : {true, false, true}) {
        exchange.leave_out_messages(out);
        seen.clear();
        exchange.step(evaluate, update);
        const float sum = out ? static_cast<float>(world().rank() + 1) : ranks * (ranks + 1) / 2;
        ASSERT_EQ(seen.size(), 50'000U);
        EXPECT_TRUE(std::ranges::all_of(seen, [sum](float value) { return value == sum; })) << out;
    }
}

/// The bf16 copy is that of the values for every rank: after they are written, and after each step.
TEST(Exchange, TheRoundedCopyFollowsTheValues) {
    constexpr std::size_t parameters = 300007;
    const auto expect_copy = [&](comm::Exchange& exchange) {
        ASSERT_EQ(exchange.rounded().size(), parameters);
        for (std::size_t i = 0; i < parameters; ++i)
            ASSERT_EQ(exchange.rounded()[i], to_bfloat16(exchange.values()[i])) << i;
        world().barrier(); // the next step changes them
    };
    for (const bool shared : {true, false}) {
        const comm::Nodes nodes(world(), shared);
        comm::Exchange exchange(nodes, parameters, static_cast<std::size_t>(world().size()), Precision::bf16);
        exchange.write_values([](std::span<float> values) { fill_gradient(3, 1, values); });
        expect_copy(exchange);
        const auto evaluate = [&](std::size_t leaf, std::span<float> gradients, const comm::FinalFrom&) {
            fill_gradient(leaf, 2, gradients);
        };
        const auto update = [&](comm::Slice slice, std::size_t) {
            for (std::size_t i = slice.begin; i < slice.end; ++i) {
                exchange.values()[i] -= 0.125F * exchange.gradients()[i];
                exchange.rounded()[i] = to_bfloat16(exchange.values()[i]);
            }
            return true;
        };
        exchange.step(evaluate, update);
        expect_copy(exchange);
        if (nodes.node().first()) exchange.values()[parameters - 1] = 1.001F;
        nodes.node().barrier();
        exchange.round_values();
        expect_copy(exchange);
        EXPECT_TRUE(comm::Exchange(nodes, parameters, static_cast<std::size_t>(world().size())).rounded().empty());
    }
}

/// What each wish came to at each step, as a rank sees it: one digit a step, a bit a wish.
std::string wishes_seen(bool shared, bool deferred, std::size_t parameters, std::size_t virtual_ranks, int wishing) {
    const comm::Nodes nodes(world(), shared);
    comm::Exchange exchange(nodes, parameters, virtual_ranks);
    exchange.write_values([](std::span<float> values) { std::fill(values.begin(), values.end(), 1.0F); });
    const auto evaluate = [&](std::size_t, std::span<float> gradients, const comm::FinalFrom&) {
        std::fill(gradients.begin(), gradients.end(), 1.0F);
    };
    std::string seen;
    for (int step = 0; step < 5; ++step) {
        const auto update = [&](comm::Slice slice, std::size_t) { return step != 3 || slice.begin > 0; };
        if (world().rank() == wishing && step == 1) exchange.wish(comm::Wish::stop);
        if (world().rank() == wishing && step == 2) exchange.wish(comm::Wish::save);
        const comm::BeforeUpdate allow = [&](comm::Wishes known) {
            seen += known.any(comm::Wish::stop) ? 's' : '-';
            return true;
        };
        const comm::Wishes wishes = exchange.step(evaluate, update, deferred ? allow : comm::BeforeUpdate());
        int digit = 0;
        for (std::size_t i = 0; i < comm::wish_count; ++i) digit += wishes.any(comm::Wish{i}) ? 1 << i : 0;
        seen += std::to_string(digit);
    }
    return seen;
}

TEST(Exchange, AllRanksLearnOfAWishAtTheSameStep) {
    const auto ranks = static_cast<std::size_t>(world().size());
    for (const std::size_t parameters : {std::size_t{1}, std::size_t{4094}, std::size_t{4096}, std::size_t{600001}})
        for (const std::size_t virtual_ranks : {ranks, ranks + 3})
            for (int wishing = 0; wishing < world().size(); ++wishing)
                for (const bool shared : {true, false}) {
                    EXPECT_EQ(wishes_seen(shared, false, parameters, virtual_ranks, wishing), "01240");
                    EXPECT_EQ(wishes_seen(shared, true, parameters, virtual_ranks, wishing), "-0s1-2-4-0");
                }
}

TEST(Exchange, AStepThatIsNotWantedLeavesTheValues) {
    const comm::Nodes nodes(world(), true);
    comm::Exchange exchange(nodes, 5000, static_cast<std::size_t>(world().size()));
    exchange.write_values([](std::span<float> values) { std::fill(values.begin(), values.end(), 1.0F); });
    const auto evaluate = [&](std::size_t, std::span<float> gradients, const comm::FinalFrom&) {
        std::fill(gradients.begin(), gradients.end(), 1.0F);
        if (world().rank() == world().size() - 1) exchange.wish(comm::Wish::not_finite);
    };
    const auto update = [&](comm::Slice slice, std::size_t) {
        for (std::size_t i = slice.begin; i < slice.end; ++i) exchange.values()[i] = 0;
        return true;
    };
    const comm::Wishes wishes =
        exchange.step(evaluate, update, [](comm::Wishes known) { return !known.any(comm::Wish::not_finite); });
    EXPECT_TRUE(wishes.any(comm::Wish::not_finite));
    for (const float value : exchange.values()) ASSERT_EQ(value, 1.0F);
}

TEST(Exchange, GathersAndScattersWhatItsOwnersHold) {
    constexpr std::size_t parameters = 300007;
    for (const bool shared : {true, false}) {
        const comm::Nodes nodes(world(), shared);
        comm::Exchange exchange(nodes, parameters, static_cast<std::size_t>(world().size()));
        std::vector<float> whole(world().first() ? parameters : 0);
        for (std::size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<float>(i);
        std::vector<float> mine(exchange.owned_elements());
        exchange.scatter(whole, mine);
        // In the elements' order, which is not that of the buckets.
        std::size_t own = 0;
        for (auto slice = exchange.owned().rbegin(); slice != exchange.owned().rend(); ++slice)
            for (std::size_t i = slice->begin; i < slice->end; ++i, ++own) ASSERT_EQ(mine[own], static_cast<float>(i));
        EXPECT_EQ(own, mine.size());
        // In the memory of each rank's gradients by turns, and then, where there is no more, in rank 0's own.
        for (std::size_t index = 0; index < 5; ++index) {
            std::vector<float> room;
            const std::span<float> again = exchange.gather(index, mine, room);
            EXPECT_TRUE(same_bits(whole, {again.begin(), again.end()})) << index;
            world().barrier();
        }
    }
}

TEST(Exchange, AHashFindsOneChangedBit) {
    if (world().size() == 1) return;
    const comm::Nodes nodes(world(), false);
    comm::Exchange exchange(nodes, 100003, static_cast<std::size_t>(world().size()));
    exchange.write_values([](std::span<float> values) { std::fill(values.begin(), values.end(), 1.0F); });
    const std::int64_t before = exchange.values_hash();
    EXPECT_EQ(world().least(before), world().most(before));
    if (world().rank() == 1) exchange.values()[70000] = std::nextafter(1.0F, 2.0F);
    const std::int64_t after = exchange.values_hash();
    EXPECT_NE(world().least(after), world().most(after));
    EXPECT_EQ(after == before, world().rank() != 1);
}

TEST(Exchange, RefusesFewerVirtualRanksThanRanks) {
    if (world().size() == 1) return;
    const comm::Nodes nodes(world(), true);
    EXPECT_THROW(comm::Exchange(nodes, 10, static_cast<std::size_t>(world().size()) - 1), Error);
}

/// A step in which this rank takes so long for its gradient.
void take_time(comm::Exchange& exchange, comm::PhaseClock& clock, std::chrono::milliseconds time) {
    const auto evaluate = [&](std::size_t, std::span<float> gradients, const comm::FinalFrom&) {
        clock.enter(comm::Phase::backward);
        std::this_thread::sleep_for(time);
        std::ranges::fill(gradients, 1.0F);
        clock.enter(comm::Phase::exchange);
    };
    exchange.step(evaluate, [](comm::Slice, std::size_t) { return true; });
}

TEST(Exchange, TellsWaitingFromWork) {
    for (const bool shared : {true, false}) {
        const comm::Nodes nodes(world(), shared);
        comm::Exchange exchange(nodes, 100'000, static_cast<std::size_t>(world().size()));
        comm::PhaseClock clock;
        exchange.account_by(&clock);
        take_time(exchange, clock, std::chrono::milliseconds(1));
        world().barrier();
        const bool last = world().rank() + 1 == world().size();
        const comm::PhaseClock::Times before = clock.times();
        take_time(exchange, clock, std::chrono::milliseconds(last ? 100 : 1));
        const auto since = [&, after = clock.times()](comm::Phase phase) {
            const auto which = static_cast<std::size_t>(phase);
            return static_cast<double>(after[which] - before[which]) * 1e-9;
        };
        EXPECT_EQ(clock.phase(), comm::Phase::exchange);
        EXPECT_GE(since(comm::Phase::backward), last ? 0.1 : 0.001);
        // The others wait for most of the last one's time; a machine that is busy may delay any, but not all.
        const bool some = world().most(!last && since(comm::Phase::waiting) > 0.05 ? 1 : 0) != 0;
        EXPECT_EQ(some, world().size() > 1);
        if (world().size() == 1) {
            EXPECT_EQ(since(comm::Phase::waiting), 0);
        }
    }
}

/// One a step, at its end; where the updates wait for the whole gradient, one before it is looked at and, for its norm,
/// one more. They are of a node's ranks, without MPI.
TEST(Exchange, HasOneBarrierAStep) {
    const auto ranks = static_cast<std::size_t>(world().size());
    for (const bool shared : {true, false}) {
        const comm::Nodes nodes(world(), shared);
        comm::Exchange exchange(nodes, 600'001, ranks);
        const auto evaluate = [](std::size_t, std::span<float> gradients, const comm::FinalFrom& final_from) {
            std::ranges::fill(gradients, 1.0F);
            final_from(300'000);
        };
        const auto update = [](comm::Slice, std::size_t) { return true; };
        const auto barriers_of = [&](const comm::BeforeUpdate& before_update) {
            const std::uint64_t before = exchange.barriers();
            exchange.step(evaluate, update, before_update);
            return exchange.barriers() - before;
        };
        EXPECT_EQ(barriers_of({}), 1U);
        EXPECT_EQ(barriers_of([](comm::Wishes) { return true; }), 2U);
        EXPECT_EQ(barriers_of([&](comm::Wishes) { return exchange.gradient_norm() > 0; }), 3U);
    }
}

TEST(Exchange, KnowsTheBytesThatItExchanges) {
    const std::size_t parameters = 300'001, ranks = static_cast<std::size_t>(world().size());
    const auto sums = [&](bool shared, const comm::Messages& messages) {
        const comm::Nodes nodes(world(), shared);
        const comm::Exchange exchange(nodes, parameters, ranks, Precision::fp32, messages);
        std::int64_t read = 0, sent = 0;
        for (const std::int64_t bytes : world().gather(static_cast<std::int64_t>(exchange.bytes_read()))) read += bytes;
        for (const std::int64_t bytes : world().gather(static_cast<std::int64_t>(exchange.bytes_sent()))) sent += bytes;
        return std::pair(static_cast<std::size_t>(read), static_cast<std::size_t>(sent));
    };
    // Every element of every other rank once; behind the parameters stand wishes, up to a cache line.
    const std::size_t least = (ranks - 1) * parameters * sizeof(float), most = least + (ranks - 1) * 128;
    const auto [read, sent] = sums(true, {});
    EXPECT_GE(read, least);
    EXPECT_LE(read, most);
    EXPECT_EQ(sent, 0U);
    // Each rank, being a node, sends its one gradient to each other; or all but its share of it, and then that.
    const auto [read_apart, sent_all] = sums(false, {std::nullopt, comm::Route::direct});
    EXPECT_EQ(read_apart, 0U);
    EXPECT_GE(sent_all, ranks * least);
    EXPECT_LE(sent_all, ranks * most);
    const auto [read_shares, sent_shares] = sums(false, {std::nullopt, comm::Route::scattered});
    EXPECT_EQ(read_shares, 0U);
    EXPECT_GE(sent_shares, 2 * least);
    EXPECT_LE(sent_shares, 2 * most);
    const auto [read_halves, sent_rounded] = sums(false, {std::nullopt, comm::Route::scattered, Precision::bf16});
    EXPECT_EQ(read_halves, 0U);
    EXPECT_EQ(2 * sent_rounded, sent_shares);
}

/// What is said beforehand against what is taken: cuts of slices are rounded to cache lines.
TEST(Exchange, TakesTheMemoryBetweenNodesThatIsSaid) {
    if (world().size() < 2) GTEST_SKIP() << "needs nodes, that is ranks which do not share memory";
    const auto ranks = static_cast<std::size_t>(world().size());
    constexpr std::size_t parameters = 300'000;
    const comm::Nodes nodes(world(), false);
    const comm::Shares shares = comm::shares_of(nodes, ranks);
    for (const comm::RouteKind& kind : comm::route_kinds())
        for (const Precision precision : {Precision::fp32, Precision::bf16}) {
            const comm::Exchange exchange(nodes, parameters, ranks, Precision::fp32,
                                          {std::size_t{1} << 18, kind.route, precision});
            const auto said =
                static_cast<double>(comm::Remote::bytes(shares, nodes.mine(), kind.route, precision, parameters));
            EXPECT_NEAR(static_cast<double>(exchange.remote_bytes()), said, 0.02 * said) << kind.name;
        }
}

/// What MPI may still receive into outlives an error in the middle of a step, on whose way out nothing waits for
/// others.
TEST(Exchange, LeavesItsMessagesAloneWhereAStepFails) {
    if (world().size() < 2) GTEST_SKIP() << "needs nodes, that is ranks which do not share memory";
    constexpr std::size_t parameters = 300'000;
    const auto ranks = static_cast<std::size_t>(world().size());
    const comm::Nodes nodes(world(), false);
    float* gradients = nullptr;
    const auto fail_within_step = [&] {
        comm::Exchange exchange(nodes, parameters, ranks, Precision::fp32,
                                {std::size_t{1} << 16, comm::Route::direct, Precision::fp32});
        gradients = exchange.gradients().data();
        exchange.step([](std::size_t, std::span<float> out, const comm::FinalFrom&) { std::ranges::fill(out, 1.0F); },
                      [](comm::Slice, std::size_t) -> bool { fail("the first update"); });
    };
    EXPECT_EQ(elbo::testing::message_of<Error>(fail_within_step), "the first update");
    world().barrier(); // messages under way arrive
    const std::uintptr_t page = reinterpret_cast<std::uintptr_t>(gradients) / 4096 * 4096;
    ASSERT_EQ(msync(reinterpret_cast<void*>(page), 4096, MS_ASYNC), 0) << "the gradients are unmapped";
    EXPECT_TRUE(gradients[0] == 1.0F || gradients[0] == static_cast<float>(ranks)) << gradients[0]; // summed or not
}

} // namespace
