// How rows are cut for work that ranks share: by their number alone, so that ranks do not show in the bits.
#pragma once

#include "data/plan.hpp"

#include <algorithm>
#include <cstddef>

namespace elbo::classical {

/// Rows in up to 64 (or so many) contiguous groups of at least 256, each gone through in blocks of at most 128: sums
/// over a block are products in float, those of blocks are added up in double.
class Groups {
public:
    explicit Groups(std::size_t rows, std::size_t most = 64)
        : rows_(rows), count_(std::clamp<std::size_t>(rows / 256, 1, most)) {}

    std::size_t count() const { return count_; }

    /// use(begin, count) for each block of a group's rows.
    template <class Use>
    void blocks_of(std::size_t group, Use&& use) const {
        const data::Range range = data::shard_of({0, rows_}, group, count_);
        for (std::size_t begin = range.begin; begin < range.end; begin += most_rows)
            use(begin, std::min(most_rows, range.end - begin));
    }

    static constexpr std::size_t most_rows = 128; ///< of a block

private:
    std::size_t rows_, count_;
};

} // namespace elbo::classical
