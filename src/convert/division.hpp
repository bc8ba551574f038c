// Which split an item belongs to, and its place in a shuffled split: functions of its number, without memory.
#pragma once

#include "convert/convert.hpp"
#include "data/order.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::convert {

/// "train=0.9,validation=0.1". Throws InputError naming what is wrong; fractions are above 0 and their sum is 1.
std::vector<Share> parse_shares(std::string_view text);

/// [0, items) divided by a keyed bijection: item i belongs to the split in whose range order.at(i) lies. A split has
/// the fraction of the items that it was promised, cumulatively rounded, so that the sizes add up.
class Division {
public:
    /// Throws InputError where a split would have no item.
    Division(const std::vector<Share>& shares, std::size_t items, std::uint32_t seed);
    const std::vector<std::size_t>& sizes() const { return sizes_; }
    std::size_t split_of(std::size_t item) const;

private:
    std::vector<std::size_t> sizes_, ends_;
    std::optional<data::EpochOrder> order_; ///< none where there is one split
};

/// The order that --shuffle-seed gives a split's rows: item i of the split goes to row order.at(i).
data::EpochOrder shuffled_order(std::uint32_t seed, std::size_t rows);

} // namespace elbo::convert
