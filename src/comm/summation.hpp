// The canonical order of a sum over virtual ranks: a tree whose node [a, b) splits at a + the largest power of two
// below b - a. Whoever computes which leaves, the sum has the same bits.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace elbo::comm {

/// Leaves [begin, end): virtual ranks.
struct Leaves {
    std::size_t begin = 0, end = 0;
    std::size_t size() const { return end - begin; }
    bool contains(Leaves other) const { return begin <= other.begin && other.end <= end; }
    friend bool operator==(const Leaves&, const Leaves&) = default;
};

/// Where the canonical tree splits a node of two leaves or more.
std::size_t canonical_split(Leaves node);

/// The roots of the largest canonical subtrees of [0, leaves) that lie within `part`, from left to right.
std::vector<Leaves> maximal_subtrees(std::size_t leaves, Leaves part);

/// Arrays that are alive at once while the leaves of `root` are computed in order and sums formed as soon as they can
/// be.
std::size_t arrays_of_subtree(Leaves root);

/// How the sum over a canonical node is formed from sums over parts of it, in the tree's order.
class Summation {
public:
    /// parts: disjoint canonical nodes, in order, that together are all leaves of `whole`.
    Summation(Leaves whole, std::span<const Leaves> parts);

    /// out[i] = the sum over parts p of sources[p][i], i in [0, count). out may be one of the sources.
    void operator()(std::span<const float* const> sources, std::size_t count, float* out);

private:
    /// Puts a part's source on the stack at `depth`, or (no part) adds the entries at depth and depth + 1 into depth.
    struct Operation {
        std::size_t depth;
        std::ptrdiff_t part;
    };
    void plan(Leaves node, std::span<const Leaves> parts, std::size_t& next, std::size_t depth);
    void sum_piece(std::span<const float* const> sources, std::size_t begin, std::size_t count, float* out);

    std::vector<Operation> operations_;
    std::size_t parts_ = 0, depth_ = 0;
    std::vector<float> scratch_;      ///< a piece for each level of the stack
    std::vector<const float*> stack_; ///< of operands
};

} // namespace elbo::comm
