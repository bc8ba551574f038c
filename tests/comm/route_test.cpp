// The routes by which nodes sum a slice, played through in one process: the canonical sum to the last bit on every
// node, for any number of nodes and virtual ranks.
#include "comm/network.hpp"
#include "comm/route.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <tuple>
#include <vector>

namespace {

using namespace elbo::comm;
using Floats = std::vector<float>;

/// Elements whose magnitudes differ, so that the order of additions shows.
Floats leaf(std::size_t index, std::size_t count) {
    std::mt19937 engine(static_cast<unsigned>(index) + 1);
    Floats values(count);
    for (float& value : values) {
        const auto magnitude = static_cast<int>(engine() % 20);
        value = std::ldexp(static_cast<float>(engine() % 2001) - 1000, magnitude);
    }
    return values;
}

Floats tree_sum(Leaves node, std::size_t count) {
    if (node.size() == 1) return leaf(node.begin, count);
    const std::size_t split = canonical_split(node);
    Floats sum = tree_sum({node.begin, split}, count);
    const Floats right = tree_sum({split, node.end}, count);
    for (std::size_t i = 0; i < count; ++i) sum[i] += right[i];
    return sum;
}

Shares dealt(std::size_t virtual_ranks, const std::vector<std::size_t>& ranks) {
    std::size_t all = 0, place = 0;
    for (const std::size_t count : ranks) all += count;
    std::vector<Leaves> leaves;
    for (const std::size_t count : ranks) {
        leaves.push_back({virtual_ranks * place / all, virtual_ranks * (place + count) / all});
        place += count;
    }
    return {virtual_ranks, leaves};
}

/// All nodes, stage by stage; what is sent but not received, or received but not sent, fails.
class Play {
public:
    Play(Route route, const Shares& shares, std::size_t count) : total_(shares.all(), shares.roots()) {
        for (std::size_t node = 0; node < shares.nodes(); ++node) {
            nodes_.push_back({plan_of(route, shares, node, count), {}, {}, Floats(count, NAN)});
            nodes_.back().inbox.assign(nodes_.back().plan.inbox, NAN);
            for (const Leaves root : shares.roots(node)) {
                const Floats sum = tree_sum(root, count);
                nodes_.back().partial.insert(nodes_.back().partial.end(), sum.begin(), sum.end());
            }
        }
        const std::size_t stages = nodes_.front().plan.stages.size();
        for (std::size_t stage = 0; stage < stages; ++stage) play(stage);
    }

    const Floats& total(std::size_t node) const { return nodes_[node].total; }
    Load load() const { return load_; }

private:
    struct Node {
        Plan plan;
        Floats partial, inbox, total;
        float* at(Place place) {
            Floats& area = place.area == Area::partial ? partial : place.area == Area::inbox ? inbox : total;
            EXPECT_LE(place.offset, area.size());
            return area.data() + place.offset;
        }
    };

    void play(std::size_t number) {
        std::map<std::pair<std::size_t, std::size_t>, std::vector<Floats>> under_way;
        for (std::size_t from = 0; from < nodes_.size(); ++from) {
            ASSERT_LT(number, nodes_[from].plan.stages.size());
            for (const Message& message : nodes_[from].plan.stages[number].sends) {
                const float* const values = nodes_[from].at(message.place);
                under_way[{from, message.node}].emplace_back(values, values + message.count);
            }
        }
        std::map<std::pair<std::size_t, std::size_t>, std::size_t> next;
        for (std::size_t to = 0; to < nodes_.size(); ++to) {
            Node& node = nodes_[to];
            const Stage& stage = node.plan.stages[number];
            for (const Message& message : stage.receives) {
                const auto& sent = under_way[{message.node, to}];
                const std::size_t index = next[{message.node, to}]++;
                ASSERT_LT(index, sent.size());
                ASSERT_EQ(sent[index].size(), message.count);
                std::ranges::copy(sent[index], node.at(message.place));
            }
            for (const Addition& sum : stage.additions)
                for (std::size_t i = 0; i < sum.count; ++i)
                    node.at(sum.into)[i] = node.at(sum.a)[i] + node.at(sum.b)[i];
            if (!stage.whole) continue;
            std::vector<const float*> sources;
            for (const Place source : stage.whole->sources) sources.push_back(node.at(source));
            total_(sources, stage.whole->count, node.at(stage.whole->into));
        }
        for (const auto& [pair, sent] : under_way) ASSERT_EQ(next[pair], sent.size());
        count_loads(number);
    }

    void count_loads(std::size_t number) {
        if (loads_.empty()) loads_.resize(nodes_.size());
        load_.stages = number + 1;
        for (std::size_t node = 0; node < nodes_.size(); ++node) {
            for (const Message& message : nodes_[node].plan.stages[number].sends) {
                ++loads_[node].messages;
                loads_[node].elements += message.count;
            }
            load_.messages = std::max(load_.messages, loads_[node].messages);
            load_.elements = std::max(load_.elements, loads_[node].elements);
        }
    }

    Summation total_;
    std::vector<Node> nodes_;
    std::vector<Load> loads_;
    Load load_;
};

void expect_canonical(const Shares& shares, std::size_t count) {
    const Floats expected = tree_sum(shares.all(), count);
    for (const RouteKind& kind : route_kinds()) {
        SCOPED_TRACE(kind.name);
        const Play play(kind.route, shares, count);
        for (std::size_t node = 0; node < shares.nodes(); ++node)
            ASSERT_EQ(play.total(node), expected) << "node " << node << " of " << shares.nodes();
        const Load load = load_of(kind.route, shares, count);
        EXPECT_EQ(load.stages, play.load().stages);
        EXPECT_GE(load.messages, play.load().messages);
        EXPECT_GE(load.elements + shares.nodes() * 64, play.load().elements);
    }
}

TEST(Route, EveryNodeHasTheCanonicalSum) {
    for (std::size_t nodes = 2; nodes <= 17; ++nodes)
        for (const std::size_t each : {1, 2, 3, 6}) {
            SCOPED_TRACE(nodes * 100 + each);
            expect_canonical(dealt(nodes * each, std::vector<std::size_t>(nodes, each)), 3000);
        }
}

TEST(Route, NodesMayHaveDifferentNumbersOfRanks) {
    std::mt19937 engine(3);
    for (int round = 0; round < 150; ++round) {
        std::vector<std::size_t> ranks(2 + engine() % 9);
        std::size_t all = 0;
        for (std::size_t& count : ranks) all += count = 1 + engine() % 5;
        SCOPED_TRACE(round);
        expect_canonical(dealt(all + engine() % 40, ranks), 1 + engine() % 5000);
    }
}

TEST(Route, HalvingTakesLogarithmicallyManyMessages) {
    const std::size_t count = 1 << 20;
    for (std::size_t nodes = 2, log = 1; nodes <= 1024; nodes *= 2, ++log) {
        const Load load = load_of(Route::halving, dealt(nodes, std::vector<std::size_t>(nodes, 1)), count);
        EXPECT_EQ(load.stages, 2 * log);
        EXPECT_EQ(load.messages, 2 * log);
        EXPECT_EQ(load.elements, 2 * (count - count / nodes));
    }
    // 48 ranks a node: most nodes hold two subtrees, whose parents span two nodes.
    for (const std::size_t nodes : {16, 100, 128}) {
        const Load load = load_of(Route::halving, dealt(nodes * 48, std::vector<std::size_t>(nodes, 48)), count);
        EXPECT_LE(load.stages, 2U * 9);
        EXPECT_LE(load.elements, 4 * count);
    }
}

TEST(Route, IsChosenByLatencyAndBandwidth) {
    const std::size_t elements = 1'000'000;
    const Network usual{20e-6, 2e-6, 1e9};
    const auto chosen = [&](const Network& network, std::size_t nodes, const Messages& asked = {}) {
        return choose(network, asked, dealt(nodes, std::vector<std::size_t>(nodes, 1)), elements, 1);
    };
    EXPECT_EQ(chosen(usual, 2).route, Route::direct) << "one message each way is the least there is";
    EXPECT_EQ(chosen(usual, 512).route, Route::halving);
    EXPECT_EQ(chosen({1e-3, 1e-6, 1e8}, 6).route, Route::scattered) << "few stages, no element twice";
    EXPECT_EQ(chosen(usual, 512, {.route = Route::direct}).route, Route::direct);
    EXPECT_EQ(chosen(usual, 4, {.bucket_bytes = 1 << 20}).bucket_blocks, 64U);
    EXPECT_EQ(chosen(usual, 4, {.bucket_bytes = 1 << 14}).bucket_blocks, 1U);
    // Messages that need no answer are worth having more of them.
    const Network with_answers{50e-6, 20e-6, 1e8, 60 << 10};
    EXPECT_EQ(chosen(with_answers, 2).bucket_blocks, 3U);
    EXPECT_GT(chosen({50e-6, 20e-6, 1e8}, 2).bucket_blocks, 3U);
    EXPECT_LE(chosen(with_answers, 8, {.route = Route::scattered}).bucket_blocks, 8 * 3U);
    // A longer latency asks for longer buckets.
    EXPECT_LT(chosen(usual, 4).bucket_blocks, chosen({20e-6, 200e-6, 1e9}, 4).bucket_blocks);
}

} // namespace
