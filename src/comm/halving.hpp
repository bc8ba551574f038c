// Recursive halving along the canonical tree. At a node of the tree that spans several nodes of the machine, those of
// its left subtree hold the sum over it, each a part of the elements, and so do those of its right one. Where two hold
// the same elements they share them in proportion to the number of nodes on either side: each gives away one part and
// adds the other. Totals go back the same ways.
#pragma once

#include "comm/route.hpp"

namespace elbo::comm {

/// The next multiple of a cache line's floats.
constexpr std::size_t aligned_elements(std::size_t count) { return (count + 15) / 16 * 16; }

class Halving {
public:
    Halving(const Shares& shares, std::size_t count);

    Plan plan(std::size_t node) const;
    Load most() const; ///< of the busiest node

private:
    /// Elements whose sum over a subtree stands on a node, in the partial sums of its root number `root`.
    struct Held {
        Slice part;
        std::size_t node, root;
    };
    /// The same elements on both sides of a tree node; the left side keeps what is before `cut`, the right the rest.
    struct Meeting {
        Held left, right;
        std::size_t cut;
    };
    struct TreeNode {
        std::size_t height; ///< above subtrees of one node
        std::vector<Meeting> meetings;
    };
    struct Transfer {
        std::size_t stage, from, to;
        Slice part;
        std::size_t from_root, to_root; ///< of sums; none of totals
    };

    std::vector<Held> sum_over(Leaves tree, std::size_t& height);
    std::vector<Meeting> meet(const std::vector<Held>& left, const std::vector<Held>& right, std::size_t left_nodes,
                              std::size_t right_nodes) const;
    void plan_totals();
    bool returns(const Transfer& transfer) const { return transfer.stage >= height_; }

    const Shares& shares_;
    std::size_t count_, height_ = 0;
    std::vector<TreeNode> tree_; ///< children before their parents
    std::vector<Transfer> transfers_;
};

} // namespace elbo::comm
