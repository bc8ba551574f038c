// How known factors of variation show in codes, by published definitions: the mutual information gap (Chen et al. 2018,
// "Isolating sources of disentanglement"), disentanglement, completeness and informativeness (Eastwood & Williams
// 2018), the attribute predictability gap (SAP; Kumar et al. 2018) and the FactorVAE score (Kim & Mnih 2018).
#pragma once

#include "numerics/view.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elbo::model {

/// Codes and known factors of the same samples.
struct FactorSamples {
    Matrix<const float> codes;    ///< [samples, latents]
    Matrix<const double> factors; ///< [samples, factors]
};

/// Different values up to which a factor is taken as one of classes, and the bins of those with more and of codes.
inline constexpr std::size_t most_factor_values = 64, factor_bins = 20;

/// How a factor's values are told apart: classes, or bins of equal width from the least value to the greatest.
struct FactorScale {
    std::vector<double> values; ///< of classes, ascending; empty: it is continuous
    double least = 0, greatest = 0;

    bool continuous() const { return values.empty(); }
    std::size_t bins() const { return continuous() ? factor_bins : values.size(); }
    std::uint32_t bin(double value) const;
};

/// Of each factor, over the samples of both.
std::vector<FactorScale> factor_scales(Matrix<const double> fit, Matrix<const double> held_out);

/// A score of each factor, and their mean.
struct FactorScores {
    double mean = 0;
    std::vector<double> factors;
};

/// Of each factor the mutual information with the code that has most of it less that with the next, over the factor's
/// entropy. Codes are cut into 20 bins of equal width over their range.
FactorScores mutual_information_gap(const FactorSamples& samples, std::span<const FactorScale> scales);

/// Of each factor how much better the best code alone predicts it than the next: of a continuous one by the squared
/// correlation over `fit`; of classes by as many thresholds less one on the code, the best of 100 quantiles of it over
/// `fit`, whose balanced accuracy is that on `held_out`.
FactorScores predictability_gap(const FactorSamples& fit, const FactorSamples& held_out,
                                std::span<const FactorScale> scales);

/// Factors as numbers, regressed on codes by the lasso, both standardised; importance is a weight's size.
struct Dci {
    double disentanglement = 0, completeness = 0; ///< means weighted by importance
    double error = 0;                             ///< mean over factors: 0 where codes tell them exactly, 1 for nothing
    std::vector<double> importance;               ///< [latents, factors]
    std::vector<double> completenesses, errors;   ///< of each factor; errors: RMS on held_out over its deviation
};

/// The penalty is chosen for each factor on a fifth of `fit`.
Dci dci(const FactorSamples& fit, const FactorSamples& held_out);

/// Disentanglement and completeness of weights [latents, factors] that are 0 or above: 1 less the entropy of a row's or
/// column's shares, to the base of their number.
Dci dci_of_importance(std::vector<double> importance, std::size_t factors);

/// Votes of the FactorVAE score, and the samples of each.
inline constexpr std::size_t votes_to_fit = 10000, votes_held_out = 5000, vote_samples = 64;

struct FactorVotes {
    double score = 0;        ///< share of the votes held out that the majority's classifier puts right
    double chance = 0;       ///< of always naming the commonest factor
    std::size_t latents = 0; ///< that take part
};

/// A vote: samples that are alike in one factor, drawn at random, name the code of least variance relative to that over
/// all samples; a classifier says for each code which factor it has most votes of. Codes with variance of at most 0.01
/// over `fit` take no part. Numbers are drawn by addressed noise.
FactorVotes factor_votes(const FactorSamples& fit, const FactorSamples& held_out, std::span<const FactorScale> scales,
                         std::uint32_t seed);

} // namespace elbo::model
