// The exchange of gradients. It owns the flat arrays of values and gradients, sums gradients over ranks, and has each
// range of values updated by whoever owns it; it knows no optimiser.
#pragma once

#include "comm/communicator.hpp"
#include "numerics/memory.hpp"

#include <functional>
#include <span>
#include <vector>

namespace elbo::comm {

class Exchange {
public:
    Exchange(const Communicator& world, std::size_t parameters);

    std::span<float> values() { return values_.span(); }
    std::span<float> gradients() { return gradients_.span(); }

    /// The elements whose update is this rank's: the optimiser keeps state for [first, first + count).
    std::size_t first() const { return 0; }
    std::size_t count() const { return values_.span().size(); }

    /// Sums the gradients of all ranks: afterwards this rank's range of gradients() is complete. Collective.
    void reduce();

    /// Euclidean norm of the complete gradient, the same on every rank. After reduce(), collective.
    double gradient_norm();

    /// Calls update(begin, end) for ranges that cover what this rank owns; when it returns, values() is new everywhere.
    void update(const std::function<void(std::size_t begin, std::size_t end)>& update);

private:
    const Communicator& world_;
    AlignedFloats values_, gradients_;
    std::vector<double> squares_; ///< of the gradient, a block each
};

} // namespace elbo::comm
