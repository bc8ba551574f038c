// Sums of doubles over numbered parts of some work that all ranks share: the same bits on any number of ranks.
#pragma once

#include "comm/communicator.hpp"

#include <cstddef>
#include <functional>
#include <span>

namespace elbo::comm {

/// Adds a part's contribution to zeros.
using AddPart = std::function<void(std::size_t part, std::span<double> sums)>;

/// sums = those of parts 0, 1, ... added in this order, on every rank. A part is made by whichever rank is
/// free; where one throws, all ranks throw AgreedError. Collective.
void sum_in_order(const Communicator& world, std::size_t parts, const AddPart& add, std::span<double> sums);

} // namespace elbo::comm
