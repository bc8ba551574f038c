// Ranks grouped into nodes that share memory, and the order in which virtual ranks are dealt to them.
#pragma once

#include "comm/communicator.hpp"
#include "comm/summation.hpp"

#include <optional>
#include <string>
#include <vector>

namespace elbo::comm {

class Nodes {
public:
    /// shared: ranks of one host form a node; else each rank is its own. Collective.
    Nodes(const Communicator& world, bool shared);

    const Communicator& world() const { return world_; }
    /// The ranks of this rank's node.
    const Communicator& node() const { return node_; }

    std::size_t count() const { return ranks_.size(); }
    std::size_t mine() const { return mine_; }
    /// World ranks of a node, ascending; nodes are ordered by their lowest.
    const std::vector<int>& ranks(std::size_t node) const { return ranks_[node]; }

    /// This rank's counterparts on the next node and the one before, in a ring; nullopt for a rank that not every node
    /// has.
    struct Neighbours {
        int next, before;
    };
    std::optional<Neighbours> neighbours() const;
    std::size_t fewest_ranks() const; ///< of any node

    /// Virtual ranks of a node, and of one of its ranks: contiguous, dealt in the order of nodes and ranks in them.
    Leaves leaves_of(std::size_t node, std::size_t virtual_ranks) const;
    Leaves leaves_of(std::size_t node, std::size_t local, std::size_t virtual_ranks) const;
    Leaves my_leaves(std::size_t virtual_ranks) const {
        return leaves_of(mine_, static_cast<std::size_t>(node_.rank()), virtual_ranks);
    }

private:
    const Communicator& world_;
    Communicator node_;
    std::vector<std::vector<int>> ranks_;
    std::vector<std::size_t> first_place_; ///< ranks on nodes before
    std::size_t mine_ = 0;
};

} // namespace elbo::comm
