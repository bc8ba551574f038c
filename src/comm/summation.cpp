#include "comm/summation.hpp"

#include "numerics/sums.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace elbo::comm {

std::size_t canonical_split(Leaves node) { return node.begin + std::bit_floor(node.size() - 1); }

namespace {

/// Elements summed at a time: operands and scratch stay in the first-level cache.
constexpr std::size_t piece = 1024;

void add_subtrees(Leaves node, Leaves part, std::vector<Leaves>& found) {
    if (node.end <= part.begin || part.end <= node.begin) return;
    if (part.contains(node)) {
        found.push_back(node);
        return;
    }
    const std::size_t split = canonical_split(node);
    add_subtrees({node.begin, split}, part, found);
    add_subtrees({split, node.end}, part, found);
}

} // namespace

std::vector<Leaves> maximal_subtrees(std::size_t leaves, Leaves part) {
    std::vector<Leaves> found;
    if (leaves > 0 && part.size() > 0) add_subtrees({0, leaves}, part, found);
    return found;
}

std::size_t arrays_of_subtree(Leaves root) {
    if (root.size() <= 1) return root.size();
    const std::size_t split = canonical_split(root);
    return std::max(arrays_of_subtree({root.begin, split}), 1 + arrays_of_subtree({split, root.end}));
}

Summation::Summation(Leaves whole, std::span<const Leaves> parts) : parts_(parts.size()) {
    std::size_t next = 0;
    if (whole.size() > 0) plan(whole, parts, next, 0);
    if (next != parts.size()) throw std::logic_error("a sum over parts that are not the whole");
    scratch_.resize(depth_ * piece);
    stack_.resize(depth_);
}

void Summation::plan(Leaves node, std::span<const Leaves> parts, std::size_t& next, std::size_t depth) {
    if (next < parts.size() && parts[next] == node) {
        depth_ = std::max(depth_, depth + 1);
        operations_.push_back({depth, static_cast<std::ptrdiff_t>(next++)});
        return;
    }
    if (node.size() < 2) throw std::logic_error("a sum that lacks a leaf");
    const std::size_t split = canonical_split(node);
    plan({node.begin, split}, parts, next, depth);
    plan({split, node.end}, parts, next, depth + 1);
    operations_.push_back({depth, -1});
}

void Summation::operator()(std::span<const float* const> sources, std::size_t count, float* out) {
    if (sources.size() != parts_)
        throw std::logic_error("a sum over another number of sources than it was planned for");
    for (std::size_t begin = 0; begin < count; begin += piece)
        sum_piece(sources, begin, std::min(piece, count - begin), out + begin);
}

void Summation::sum_piece(std::span<const float* const> sources, std::size_t begin, std::size_t count, float* out) {
    for (std::size_t i = 0; i < operations_.size(); ++i) {
        const auto [depth, part] = operations_[i];
        if (part >= 0) {
            stack_[depth] = sources[static_cast<std::size_t>(part)] + begin;
            continue;
        }
        float* const into = i + 1 == operations_.size() ? out : &scratch_[depth * piece];
        add({stack_[depth], count}, {stack_[depth + 1], count}, {into, count});
        stack_[depth] = into;
    }
    if (operations_.size() == 1 && stack_[0] != out) std::copy_n(stack_[0], count, out);
    if (operations_.empty()) std::fill_n(out, count, 0.0F);
}

} // namespace elbo::comm
