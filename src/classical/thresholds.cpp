#include "classical/thresholds.hpp"

#include <algorithm>

namespace elbo::classical {
namespace {

constexpr std::size_t quantiles = 100;

/// 100-quantiles that cut something off.
std::vector<double> edges_of(std::span<const double> values) {
    std::vector<double> sorted(values.begin(), values.end()), edges;
    std::ranges::sort(sorted);
    for (std::size_t q = 1; q < quantiles; ++q) {
        const double edge = sorted[q * sorted.size() / quantiles];
        if (edge > sorted.front() && (edges.empty() || edge > edges.back())) edges.push_back(edge);
    }
    return edges;
}

std::vector<double> totals_of(std::span<const std::uint32_t> classes, std::size_t count) {
    std::vector<double> totals(count);
    for (const std::uint32_t c : classes) ++totals[c];
    return totals;
}

/// Bins [begin, end) as one segment: the best class for it, and the sum of shares put right.
struct Segment {
    double sum = 0;
    std::uint32_t best = 0;
};

/// Sums of shares up to each bin, from which those of any segment follow.
class Shares {
public:
    Shares(std::size_t bins, std::size_t count) : count_(count), sums_((bins + 1) * count) {}
    void add(std::size_t bin, std::uint32_t c, double share) { sums_[(bin + 1) * count_ + c] += share; }
    void accumulate() {
        for (std::size_t at = count_; at < sums_.size(); ++at) sums_[at] += sums_[at - count_];
    }
    Segment segment(std::size_t begin, std::size_t end) const {
        Segment segment{-1, 0};
        for (std::uint32_t c = 0; c < count_; ++c) {
            const double sum = sums_[end * count_ + c] - sums_[begin * count_ + c];
            if (sum > segment.sum) segment = {sum, c};
        }
        return segment;
    }

private:
    std::size_t count_;
    std::vector<double> sums_;
};

/// The classes of bins, in at most `most` segments.
std::vector<std::uint32_t> best_classes(const Shares& shares, std::size_t bins, std::size_t most) {
    struct Best {
        double sum = 0;
        std::size_t begin = 0; ///< of the last segment
    };
    // Of the bins [begin, end) as one segment.
    std::vector<Segment> segments((bins + 1) * (bins + 1));
    for (std::size_t begin = 0; begin < bins; ++begin)
        for (std::size_t end = begin + 1; end <= bins; ++end)
            segments[begin * (bins + 1) + end] = shares.segment(begin, end);
    // best[s][end]: bins [0, end) in s + 1 segments or fewer.
    std::vector<std::vector<Best>> best(1, std::vector<Best>(bins + 1));
    for (std::size_t end = 1; end <= bins; ++end) best[0][end] = {segments[end].sum, 0};
    for (std::size_t more = 1; more < most; ++more) {
        best.push_back(best.back());
        for (std::size_t end = 1; end <= bins; ++end)
            for (std::size_t begin = 1; begin < end; ++begin) {
                const double sum = best[more - 1][begin].sum + segments[begin * (bins + 1) + end].sum;
                if (sum > best[more][end].sum) best[more][end] = {sum, begin};
            }
    }
    std::vector<std::uint32_t> classes(bins);
    std::size_t level = best.size() - 1;
    for (std::size_t end = bins; end > 0; level -= level > 0 ? 1 : 0) {
        const std::size_t begin = best[level][end].begin;
        std::fill(classes.begin() + static_cast<std::ptrdiff_t>(begin),
                  classes.begin() + static_cast<std::ptrdiff_t>(end), segments[begin * (bins + 1) + end].best);
        end = begin;
    }
    return classes;
}

} // namespace

Thresholds::Thresholds(std::span<const double> values, std::span<const std::uint32_t> classes, std::size_t count)
    : count_(count), edges_(edges_of(values)) {
    const std::size_t bins = edges_.size() + 1;
    const std::vector<double> totals = totals_of(classes, count);
    Shares shares(bins, count);
    for (std::size_t i = 0; i < values.size(); ++i) shares.add(bin(values[i]), classes[i], 1 / totals[classes[i]]);
    shares.accumulate();
    classes_ = best_classes(shares, bins, count);
}

std::size_t Thresholds::bin(double value) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(edges_, value) - edges_.begin());
}

double Thresholds::balanced_accuracy(std::span<const double> values, std::span<const std::uint32_t> classes) const {
    const std::vector<double> totals = totals_of(classes, count_);
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (classify(values[i]) == classes[i]) sum += 1 / totals[classes[i]];
    return sum / static_cast<double>(std::ranges::count_if(totals, [](double total) { return total > 0; }));
}

} // namespace elbo::classical
