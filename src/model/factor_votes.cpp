#include "model/disentanglement.hpp"
#include "numerics/random.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace elbo::model {
namespace {

constexpr double least_variance = 0.01; ///< of a code that takes part: Burda et al.'s of active units
constexpr auto fixed_factor = Purpose::factor_votes;

/// A number in [0, count) of a random word.
std::size_t below(std::uint32_t word, std::size_t count) {
    return static_cast<std::size_t>(std::uint64_t{word} * count >> 32U);
}

std::vector<double> variances_of(Matrix<const float> codes, std::span<const std::size_t> rows) {
    const auto count = static_cast<double>(rows.size());
    std::vector<double> variances(codes.columns());
    for (std::size_t j = 0; j < variances.size(); ++j) {
        double mean = 0;
        for (const std::size_t row : rows) mean += codes(row, j) / count;
        for (const std::size_t row : rows) variances[j] += (codes(row, j) - mean) * (codes(row, j) - mean) / count;
    }
    return variances;
}

/// What votes are drawn from.
class Ballot {
public:
    Ballot(const FactorSamples& samples, std::span<const FactorScale> scales, std::span<const double> variances,
           const Stream& stream)
        : samples_(samples), variances_(variances), stream_(stream) {
        for (std::size_t factor = 0; factor < scales.size(); ++factor) {
            alike_.emplace_back(scales[factor].bins());
            bins_.emplace_back();
            for (std::size_t i = 0; i < samples.codes.rows(); ++i) {
                bins_.back().push_back(scales[factor].bin(samples.factors(i, factor)));
                alike_.back()[bins_.back().back()].push_back(i);
            }
        }
    }

    /// votes[latent * factors + factor]: how many of so many.
    std::vector<std::size_t> count(std::size_t votes) const {
        std::vector<std::size_t> counts(variances_.size() * bins_.size());
        for (std::size_t vote = 0; vote < votes; ++vote) {
            const auto words = random_words(stream_, vote, 0, 0);
            const std::size_t factor = below(words[0], bins_.size());
            const std::size_t sample = below(words[1], samples_.codes.rows());
            ++counts[quietest(vote, alike_[factor][bins_[factor][sample]]) * bins_.size() + factor];
        }
        return counts;
    }

private:
    /// The code of least relative variance over samples drawn of these.
    std::size_t quietest(std::size_t vote, std::span<const std::size_t> alike) const {
        std::vector<std::size_t> drawn;
        for (std::uint32_t block = 0; drawn.size() < vote_samples; ++block)
            for (const std::uint32_t word : random_words(stream_, vote, 1, block))
                drawn.push_back(alike[below(word, alike.size())]);
        const std::vector<double> variances = variances_of(samples_.codes, drawn);
        std::size_t least = 0;
        double least_ratio = std::numeric_limits<double>::infinity();
        for (std::size_t j = 0; j < variances.size(); ++j) {
            if (variances_[j] <= least_variance || variances[j] / variances_[j] >= least_ratio) continue;
            least_ratio = variances[j] / variances_[j];
            least = j;
        }
        return least;
    }

    const FactorSamples& samples_;
    std::span<const double> variances_; ///< over all samples
    Stream stream_;
    std::vector<std::vector<std::vector<std::size_t>>> alike_; ///< samples of each bin of each factor
    std::vector<std::vector<std::uint32_t>> bins_;             ///< of each sample in each factor
};

} // namespace

FactorVotes factor_votes(const FactorSamples& fit, const FactorSamples& held_out, std::span<const FactorScale> scales,
                         std::uint32_t seed) {
    std::vector<std::size_t> all(fit.codes.rows());
    std::iota(all.begin(), all.end(), 0);
    const std::vector<double> variances = variances_of(fit.codes, all);
    FactorVotes votes;
    votes.latents = static_cast<std::size_t>(
        std::ranges::count_if(variances, [](double variance) { return variance > least_variance; }));
    const auto learnt = Ballot(fit, scales, variances, {seed, fixed_factor, 0}).count(votes_to_fit);
    const auto tried = Ballot(held_out, scales, variances, {seed, fixed_factor, 1}).count(votes_held_out);
    const std::size_t factors = scales.size();
    std::size_t right = 0;
    std::vector<std::size_t> of_factor(factors);
    for (std::size_t latent = 0; latent < variances.size(); ++latent) {
        const auto row = std::span(learnt).subspan(latent * factors, factors);
        right += tried[latent * factors + static_cast<std::size_t>(std::ranges::max_element(row) - row.begin())];
        for (std::size_t factor = 0; factor < factors; ++factor) of_factor[factor] += tried[latent * factors + factor];
    }
    votes.score = static_cast<double>(right) / votes_held_out;
    votes.chance = static_cast<double>(std::ranges::max(of_factor)) / votes_held_out;
    return votes;
}

} // namespace elbo::model
