#include "comm/halving.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace elbo::comm {
namespace {

/// Elements below which a part is not divided any more: messages of 1 KiB.
constexpr std::size_t least_part = 256;

/// What of `part` is not in `held`, which is made to contain it.
std::vector<Slice> add_to(std::vector<Slice>& held, Slice part) {
    std::vector<Slice> missing;
    std::size_t begin = part.begin;
    for (const Slice slice : held) { // ascending and disjoint
        if (slice.end <= begin || slice.begin >= part.end) continue;
        if (slice.begin > begin) missing.push_back({begin, slice.begin});
        begin = std::max(begin, slice.end);
    }
    if (begin < part.end) missing.push_back({begin, part.end});
    held.insert(held.end(), missing.begin(), missing.end());
    std::ranges::sort(held, {}, &Slice::begin);
    return missing;
}

} // namespace

Halving::Halving(const Shares& shares, std::size_t count) : shares_(shares), count_(count) {
    if (shares.nodes() < 2) throw std::logic_error("recursive halving over a single node");
    sum_over(shares.all(), height_);
    plan_totals();
}

std::vector<Halving::Held> Halving::sum_over(Leaves tree, std::size_t& height) {
    const std::size_t first = shares_.node_of(tree.begin), last = shares_.node_of(tree.end - 1);
    if (first == last) {
        const std::vector<Leaves>& roots = shares_.roots(first);
        height = 0;
        return {{{0, count_}, first, static_cast<std::size_t>(std::ranges::find(roots, tree) - roots.begin())}};
    }
    const std::size_t split = canonical_split(tree), middle = shares_.node_of(split - 1);
    std::size_t left_height = 0, right_height = 0;
    const std::vector<Held> left = sum_over({tree.begin, split}, left_height);
    const std::vector<Held> right = sum_over({split, tree.end}, right_height);
    height = std::max(left_height, right_height) + 1;
    TreeNode node{height, meet(left, right, middle - first + 1, last - shares_.node_of(split) + 1)};
    std::vector<Held> held;
    const auto keep = [&held](Slice part, const Held& owner) {
        if (part.size() == 0) return;
        if (!held.empty() && held.back().node == owner.node && held.back().root == owner.root &&
            held.back().part.end == part.begin)
            held.back().part.end = part.end;
        else
            held.push_back({part, owner.node, owner.root});
    };
    for (const Meeting& meeting : node.meetings) {
        const Slice part = meeting.left.part, kept{part.begin, meeting.cut}, given{meeting.cut, part.end};
        keep(kept, meeting.left);
        keep(given, meeting.right);
        if (meeting.left.node == meeting.right.node) continue;
        if (kept.size() > 0)
            transfers_.push_back(
                {height - 1, meeting.right.node, meeting.left.node, kept, meeting.right.root, meeting.left.root});
        if (given.size() > 0)
            transfers_.push_back(
                {height - 1, meeting.left.node, meeting.right.node, given, meeting.left.root, meeting.right.root});
    }
    tree_.push_back(std::move(node));
    return held;
}

std::vector<Halving::Meeting> Halving::meet(const std::vector<Held>& left, const std::vector<Held>& right,
                                            std::size_t left_nodes, std::size_t right_nodes) const {
    std::vector<Meeting> meetings;
    auto l = left.begin();
    auto r = right.begin();
    while (l != left.end() && r != right.end()) {
        const Slice part = intersection(l->part, r->part);
        const std::size_t share = part.size() * left_nodes / (left_nodes + right_nodes);
        std::size_t cut = std::min(part.end, part.begin + aligned_elements(share));
        // What is not worth dividing goes to either side in turn.
        if (part.size() < least_part) cut = meetings.size() % 2 == 0 ? part.end : part.begin;
        if (l->node == r->node) cut = part.end;
        meetings.push_back({{part, l->node, l->root}, {part, r->node, r->root}, cut});
        const std::size_t end = part.end;
        if (l->part.end == end) ++l;
        if (r->part.end == end) ++r;
    }
    return meetings;
}

void Halving::plan_totals() {
    std::vector<std::vector<Slice>> holds(shares_.nodes());
    for (const Meeting& meeting : tree_.back().meetings) {
        const Slice part = meeting.left.part;
        add_to(holds[meeting.left.node], {part.begin, meeting.cut});
        add_to(holds[meeting.right.node], {meeting.cut, part.end});
    }
    // Parents before their children; subtrees of the same height meet in the same stage.
    std::vector<const TreeNode*> order;
    for (const TreeNode& node : tree_) order.push_back(&node);
    std::ranges::stable_sort(order, std::ranges::greater(), &TreeNode::height);
    for (const TreeNode* node : order)
        for (const Meeting& meeting : node->meetings) {
            const Slice part = meeting.left.part;
            const auto give = [&](const Held& from, const Held& to, Slice some) {
                if (from.node == to.node || some.size() == 0) return;
                for (const Slice missing : add_to(holds[to.node], some))
                    transfers_.push_back({2 * height_ - node->height, from.node, to.node, missing, 0, 0});
            };
            give(meeting.left, meeting.right, {part.begin, meeting.cut});
            give(meeting.right, meeting.left, {meeting.cut, part.end});
        }
}

Plan Halving::plan(std::size_t node) const {
    Plan plan;
    plan.stages.resize(2 * height_);
    const auto partial = [&](std::size_t root, Slice part) { return Place{Area::partial, root * count_ + part.begin}; };
    const auto sum = [&](Stage& stage, bool top, std::size_t root, Place other, Slice part) {
        const Place mine = partial(root, part), into = top ? Place{Area::total, part.begin} : mine;
        stage.additions.push_back({mine, other, into, part.size()});
    };
    for (const Transfer& transfer : transfers_) {
        Stage& stage = plan.stages[transfer.stage];
        const bool back = returns(transfer);
        const Place total{Area::total, transfer.part.begin};
        if (transfer.from == node)
            stage.sends.push_back(
                {transfer.to, back ? total : partial(transfer.from_root, transfer.part), transfer.part.size()});
        if (transfer.to != node) continue;
        if (back) {
            stage.receives.push_back({transfer.from, total, transfer.part.size()});
            continue;
        }
        const Place arrived{Area::inbox, plan.inbox};
        plan.inbox += aligned_elements(transfer.part.size());
        stage.receives.push_back({transfer.from, arrived, transfer.part.size()});
        sum(stage, transfer.stage + 1 == height_, transfer.to_root, arrived, transfer.part);
    }
    for (const TreeNode& tree : tree_)
        for (const Meeting& meeting : tree.meetings)
            if (meeting.left.node == node && meeting.right.node == node)
                sum(plan.stages[tree.height - 1], tree.height == height_, meeting.left.root,
                    partial(meeting.right.root, meeting.left.part), meeting.left.part);
    return plan;
}

Load Halving::most() const {
    std::vector<Load> loads(shares_.nodes());
    for (const Transfer& transfer : transfers_) {
        ++loads[transfer.from].messages;
        loads[transfer.from].elements += transfer.part.size();
    }
    Load most{2 * height_, 0, 0};
    for (const Load& load : loads)
        most = {most.stages, std::max(most.messages, load.messages), std::max(most.elements, load.elements)};
    return most;
}

} // namespace elbo::comm
