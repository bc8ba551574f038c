#include "comm/route.hpp"

#include "comm/halving.hpp"

#include <algorithm>
#include <array>

namespace elbo::comm {

std::span<const RouteKind> route_kinds() {
    static constexpr std::array<RouteKind, 3> kinds = {
        {{"direct", "every node sends everything to every other", Route::direct},
         {"scattered", "each node sums a share and hands it on", Route::scattered},
         {"halving", "recursive halving and doubling", Route::halving}}};
    return kinds;
}

std::string_view name_of(Route route) { return std::ranges::find(route_kinds(), route, &RouteKind::route)->name; }

Shares::Shares(std::size_t virtual_ranks, std::vector<Leaves> nodes)
    : virtual_ranks_(virtual_ranks), leaves_(std::move(nodes)) {
    for (const Leaves leaves : leaves_) roots_.push_back(maximal_subtrees(virtual_ranks, leaves));
}

std::vector<Leaves> Shares::roots() const {
    std::vector<Leaves> all;
    for (const auto& list : roots_) all.insert(all.end(), list.begin(), list.end());
    return all;
}

std::size_t Shares::node_of(std::size_t leaf) const {
    const auto after = std::ranges::upper_bound(leaves_, leaf, {}, &Leaves::begin);
    return static_cast<std::size_t>(after - leaves_.begin()) - 1;
}

namespace {

/// The canonical sum of all roots: this node's stand in `partial`, the others' arrive in the inbox from `arrival` on,
/// root after root, `count` elements each.
WholeSum whole_sum(const Shares& shares, std::size_t node, std::size_t total, Slice part, std::size_t arrival) {
    WholeSum sum{{}, {Area::total, part.begin}, part.size()};
    for (std::size_t from = 0; from < shares.nodes(); ++from)
        for (std::size_t root = 0; root < shares.roots(from).size(); ++root) {
            if (from == node) {
                sum.sources.push_back({Area::partial, root * total + part.begin});
                continue;
            }
            sum.sources.push_back({Area::inbox, arrival});
            arrival += part.size();
        }
    return sum;
}

/// Adds to a stage what the others send of `part`, to the inbox in the order of whole_sum(). Returns its size.
std::size_t receive_roots(const Shares& shares, std::size_t node, Slice part, Stage& stage) {
    std::size_t arrival = 0;
    for (std::size_t from = 0; from < shares.nodes(); ++from)
        for (std::size_t root = 0; from != node && root < shares.roots(from).size(); ++root, arrival += part.size())
            stage.receives.push_back({from, {Area::inbox, arrival}, part.size()});
    return arrival;
}

Plan direct(const Shares& shares, std::size_t node, std::size_t count) {
    Plan plan;
    Stage& stage = plan.stages.emplace_back();
    for (std::size_t to = 0; to < shares.nodes(); ++to)
        for (std::size_t root = 0; to != node && root < shares.roots(node).size(); ++root)
            stage.sends.push_back({to, {Area::partial, root * count}, count});
    plan.inbox = receive_roots(shares, node, {0, count}, stage);
    stage.whole = whole_sum(shares, node, count, {0, count}, 0);
    return plan;
}

Plan scattered(const Shares& shares, std::size_t node, std::size_t count) {
    const auto cut = [&](std::size_t i) { return std::min(count, aligned_elements(count * i / shares.nodes())); };
    const auto part = [&](std::size_t i) { return Slice{cut(i), i + 1 == shares.nodes() ? count : cut(i + 1)}; };
    Plan plan;
    plan.stages.resize(2);
    const Slice mine = part(node);
    for (std::size_t other = 0; other < shares.nodes(); ++other) {
        const Slice its = part(other);
        if (other == node) continue;
        for (std::size_t root = 0; its.size() > 0 && root < shares.roots(node).size(); ++root)
            plan.stages[0].sends.push_back({other, {Area::partial, root * count + its.begin}, its.size()});
        if (mine.size() > 0) plan.stages[1].sends.push_back({other, {Area::total, mine.begin}, mine.size()});
        if (its.size() > 0) plan.stages[1].receives.push_back({other, {Area::total, its.begin}, its.size()});
    }
    if (mine.size() > 0) {
        plan.inbox = receive_roots(shares, node, mine, plan.stages[0]);
        plan.stages[0].whole = whole_sum(shares, node, count, mine, 0);
    }
    return plan;
}

} // namespace

Plan plan_of(Route route, const Shares& shares, std::size_t node, std::size_t count) {
    switch (route) {
    case Route::direct:
        return direct(shares, node, count);
    case Route::scattered:
        return scattered(shares, node, count);
    case Route::halving:
        break;
    }
    return Halving(shares, count).plan(node);
}

Load load_of(Route route, const Shares& shares, std::size_t count) {
    if (route == Route::halving) return Halving(shares, count).most();
    const std::size_t nodes = shares.nodes(), others = nodes - 1;
    std::size_t roots = 0;
    for (std::size_t node = 0; node < nodes; ++node) roots = std::max(roots, shares.roots(node).size());
    if (route == Route::direct) return {1, roots * others, roots * others * count};
    return {2, (roots + 1) * others, (roots + 1) * (count * others / nodes)};
}

} // namespace elbo::comm
