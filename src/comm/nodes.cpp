#include "comm/nodes.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace elbo::comm {

Nodes::Nodes(const Communicator& world, bool shared) : world_(world), node_(world.node(shared)) {
    // A node is known by its lowest world rank.
    const std::vector<std::int64_t> leaders = world.gather(node_.most(node_.first() ? world.rank() : -1));
    std::map<std::int64_t, std::vector<int>> nodes;
    for (int rank = 0; rank < world.size(); ++rank) nodes[leaders[static_cast<std::size_t>(rank)]].push_back(rank);
    std::size_t place = 0;
    for (const auto& [leader, ranks] : nodes) {
        if (leader == leaders[static_cast<std::size_t>(world.rank())]) mine_ = ranks_.size();
        first_place_.push_back(place);
        ranks_.push_back(ranks);
        place += ranks.size();
    }
}

std::size_t Nodes::fewest_ranks() const {
    return std::ranges::min(ranks_, {}, [](const std::vector<int>& ranks) { return ranks.size(); }).size();
}

std::optional<Nodes::Neighbours> Nodes::neighbours() const {
    const auto local = static_cast<std::size_t>(node_.rank());
    if (local >= fewest_ranks()) return std::nullopt;
    return Neighbours{ranks_[(mine_ + 1) % count()][local], ranks_[(mine_ + count() - 1) % count()][local]};
}

Leaves Nodes::leaves_of(std::size_t node, std::size_t local, std::size_t virtual_ranks) const {
    const std::size_t places = static_cast<std::size_t>(world_.size()), place = first_place_[node] + local;
    return {virtual_ranks * place / places, virtual_ranks * (place + 1) / places};
}

Leaves Nodes::leaves_of(std::size_t node, std::size_t virtual_ranks) const {
    return {leaves_of(node, 0, virtual_ranks).begin, leaves_of(node, ranks_[node].size() - 1, virtual_ranks).end};
}

} // namespace elbo::comm
