#include "convert/division.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace elbo::convert {

namespace {

/// Epochs that no training reaches: its orders have nothing to do with these.
constexpr std::uint32_t division_epoch = 0xffffff, shuffle_epoch = 0xfffffe;

Share parse_share(std::string_view all, std::string_view text) {
    const std::size_t sign = text.find('=');
    Share share{std::string(text.substr(0, sign)), 0};
    if (sign == std::string_view::npos || share.name.empty())
        reject("--split {}: \"{}\" is no NAME=FRACTION, as in train=0.9,validation=0.1", all, text);
    const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; };
    if (!std::all_of(share.name.begin(), share.name.end(), allowed))
        reject("--split {}: \"{}\" is no name of letters, digits, _ and -", all, share.name);
    const std::string_view number = text.substr(sign + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), share.fraction);
    if (error != std::errc() || end != number.data() + number.size() || !(share.fraction > 0 && share.fraction <= 1))
        reject("--split {}: \"{}\" is no fraction above 0 and up to 1", all, number);
    return share;
}

} // namespace

std::vector<Share> parse_shares(std::string_view text) {
    std::vector<Share> shares;
    double sum = 0;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        Share share = parse_share(text, text.substr(begin, end - begin));
        for (const Share& other : shares)
            if (other.name == share.name) reject("--split {}: {} stands there twice", text, share.name);
        sum += share.fraction;
        shares.push_back(std::move(share));
        begin = end + 1;
    }
    // 0.7 + 0.2 + 0.1 is not quite 1 in floating point.
    if (std::abs(sum - 1) > 1e-9) reject("--split {}: the fractions add up to {:.6g}, expected 1", text, sum);
    return shares;
}

Division::Division(const std::vector<Share>& shares, std::size_t items, std::uint32_t seed) {
    double sum = 0;
    std::size_t begin = 0;
    for (const Share& share : shares) {
        sum += share.fraction;
        const bool last = &share == &shares.back();
        const auto rounded = static_cast<std::size_t>(std::llround(sum * static_cast<double>(items)));
        const std::size_t end = last ? items : std::clamp(rounded, begin, items);
        if (end == begin) reject("--split {}={}: of {} items it would have none", share.name, share.fraction, items);
        sizes_.push_back(end - begin);
        ends_.push_back(end);
        begin = end;
    }
    if (shares.size() > 1) order_.emplace(seed, division_epoch, items);
}

std::size_t Division::split_of(std::size_t item) const {
    if (!order_) return 0;
    return static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), order_->at(item)) - ends_.begin());
}

data::EpochOrder shuffled_order(std::uint32_t seed, std::size_t rows) { return {seed, shuffle_epoch, rows}; }

} // namespace elbo::convert
