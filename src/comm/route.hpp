// How the sum of a slice over all nodes is formed: who sends what to whom, in which stages. Three routes, all in the
// order of the canonical tree, so that the sum has the same bits by each. Nothing here communicates.
#pragma once

#include "comm/slices.hpp"
#include "comm/summation.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::comm {

/// N nodes, a slice of n elements. direct: every node sends all to every other; one stage, (N - 1) n sent by a node.
/// scattered: each node sums its share of the elements and hands it on; two stages, 2 (N - 1) messages, 2 (N - 1) n /
/// N. halving: recursive halving along the canonical tree, then the way back; 2 log2 N stages of one message and 2 (N -
/// 1) n / N in all where N is a power of two (Thakur, Rabenseifner & Gropp 2005); where it is not, the nodes of the
/// smaller subtrees send more messages, and about as many elements. A node whose virtual ranks are several subtrees
/// sends as many partial sums until they meet.
enum class Route { direct, scattered, halving };

struct RouteKind {
    std::string_view name, help;
    Route route;
};
std::span<const RouteKind> route_kinds();
std::string_view name_of(Route route);

/// Virtual ranks of each node, contiguous and in order.
class Shares {
public:
    Shares(std::size_t virtual_ranks, std::vector<Leaves> nodes);

    std::size_t nodes() const { return leaves_.size(); }
    Leaves all() const { return {0, virtual_ranks_}; }
    const std::vector<Leaves>& roots(std::size_t node) const { return roots_[node]; } ///< its maximal subtrees
    std::vector<Leaves> roots() const;                                                ///< of all nodes, in order
    std::size_t node_of(std::size_t leaf) const;

private:
    std::size_t virtual_ranks_;
    std::vector<Leaves> leaves_;
    std::vector<std::vector<Leaves>> roots_;
};

/// Where numbers stand on a node: the sums over its roots (root r's from r * count on), what arrives, the total.
enum class Area { partial, inbox, total };
struct Place {
    Area area = Area::partial;
    std::size_t offset = 0;
};

/// A message: to or from another node.
struct Message {
    std::size_t node;
    Place place;
    std::size_t count;
};

/// into = a + b, element by element; into may be a or b.
struct Addition {
    Place a, b, into;
    std::size_t count;
};

/// into = the canonical sum over the roots of all nodes, whose sums over these elements stand at `sources`.
struct WholeSum {
    std::vector<Place> sources;
    Place into;
    std::size_t count;
};

/// First the sends; then, once everything has been received, the sums.
struct Stage {
    std::vector<Message> sends, receives;
    std::vector<Addition> additions;
    std::optional<WholeSum> whole;
};

/// What one node does.
struct Plan {
    std::vector<Stage> stages;
    std::size_t inbox = 0; ///< elements
};

/// What the busiest node has to do.
struct Load {
    std::size_t stages = 0, messages = 0, elements = 0; ///< sent
};

/// count: elements of the slice.
Plan plan_of(Route route, const Shares& shares, std::size_t node, std::size_t count);
Load load_of(Route route, const Shares& shares, std::size_t count);

} // namespace elbo::comm
