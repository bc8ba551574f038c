// Classification by the nearest neighbours in Euclidean distance, all distances computed (Fix & Hodges 1951).
#pragma once

#include "classical/logistic.hpp"
#include "comm/communicator.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace elbo::classical {

/// Queries done, of how many.
using NeighboursProgress = std::function<void(std::size_t done, std::size_t of)>;

/// [queries.rows(), counts.size()], rank 0's: the commonest class among the counts[i] samples nearest to each query.
/// Equal distances go by the smaller sample's number, equal votes by the smaller class. Features are taken as they are.
/// Queries are dealt to ranks, each of which has all samples; the same bits on any number of them. Collective.
std::vector<std::uint32_t> nearest_classes(const comm::Communicator& world, const Classified& samples,
                                           Matrix<const float> queries, std::span<const std::size_t> counts,
                                           const NeighboursProgress& progress = {});

} // namespace elbo::classical
