// What training needs to know of a dataset's contents beforehand: one pass over fixed groups of rows, which several
// ranks divide; sums and hashes are put together group by group, so that nothing depends on who made which.
#pragma once

#include "comm/communicator.hpp"
#include "data/plan.hpp"
#include "storage/dataset.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace elbo::data {

/// Of stored values, unscaled.
struct Facts {
    std::vector<double> mean; ///< of each dimension
    double least = 0, greatest = 0;
    bool grey = false;         ///< some value is neither 0 nor `one`
    std::string fingerprint;   ///< 16 hexadecimal digits of a hash of shape, type and contents
    std::uint64_t bad_row = 0; ///< that holds what cannot be trained on, where there is a problem:
    std::string problem;       ///< "holds not a number (NaN) at element 7"
};

/// Rows [begin, end) as bytes, valid until the next call. A group is asked for in pieces, in order.
using ReadRows = std::function<std::span<const std::byte>(Range rows)>;
/// Rows that this rank has done, of how many that are its own.
using Progress = std::function<void(std::uint64_t done, std::uint64_t of)>;

/// The facts of a dataset that `ranks` go through together, each a part; the same on all of them. one: the stored value
/// that scales to 1. Where reading fails on some ranks of `world`, all throw. Collective over the world.
Facts survey(const comm::Communicator& world, const comm::Communicator& ranks, const storage::DatasetInfo& info,
             double one, const ReadRows& read, const Progress& progress = {});

/// The same by this process alone.
Facts survey(const storage::DatasetInfo& info, double one, const ReadRows& read);

} // namespace elbo::data
