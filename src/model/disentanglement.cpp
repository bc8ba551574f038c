#include "model/disentanglement.hpp"

#include "classical/thresholds.hpp"
#include "data/label_values.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace elbo::model {
namespace {

using Places = std::vector<std::uint32_t>;

std::uint32_t bin_of(double value, double least, double greatest) {
    if (!(greatest > least)) return 0;
    const double place = std::floor((value - least) / (greatest - least) * factor_bins);
    return static_cast<std::uint32_t>(std::clamp<double>(place, 0, factor_bins - 1));
}

Places bins_of_factor(const FactorSamples& samples, std::size_t factor, const FactorScale& scale) {
    Places bins;
    for (std::size_t i = 0; i < samples.factors.rows(); ++i) bins.push_back(scale.bin(samples.factors(i, factor)));
    return bins;
}

template <class T>
std::vector<double> column_of(Matrix<const T> values, std::size_t number) {
    std::vector<double> column;
    for (std::size_t i = 0; i < values.rows(); ++i) column.push_back(values(i, number));
    return column;
}

Places bins_of_code(Matrix<const float> codes, std::size_t latent) {
    const std::vector<double> column = column_of(codes, latent);
    const auto [least, greatest] = std::ranges::minmax(column);
    Places bins;
    for (const double value : column) bins.push_back(bin_of(value, least, greatest));
    return bins;
}

double entropy_term(double count, double samples) {
    return count > 0 ? -count / samples * std::log(count / samples) : 0;
}

double entropy(const Places& places) {
    std::vector<double> counts(std::ranges::max(places) + 1);
    for (const std::uint32_t place : places) ++counts[place];
    double sum = 0;
    for (const double count : counts) sum += entropy_term(count, static_cast<double>(places.size()));
    return sum;
}

/// I(a; b) = H(a) + H(b) - H(a, b), nats.
double mutual_information(const Places& a, const Places& b) {
    const std::uint32_t width = std::ranges::max(b) + 1;
    Places both;
    for (std::size_t i = 0; i < a.size(); ++i) both.push_back(a[i] * width + b[i]);
    return std::max(entropy(a) + entropy(b) - entropy(both), 0.0);
}

/// The greatest less the next, which is 0 where there is no other.
double gap_of(std::vector<double> scores) {
    scores.push_back(0);
    std::ranges::partial_sort(scores, scores.begin() + 2, std::ranges::greater{});
    return scores[0] - scores[1];
}

FactorScores with_mean(std::vector<double> factors) {
    const double sum = std::accumulate(factors.begin(), factors.end(), 0.0);
    return {sum / static_cast<double>(factors.size()), std::move(factors)};
}

double squared_correlation(std::span<const double> a, std::span<const double> b) {
    const auto count = static_cast<double>(a.size());
    const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / count;
    const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / count;
    double aa = 0, bb = 0, ab = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
        ab += (a[i] - mean_a) * (b[i] - mean_b);
    }
    return aa > 0 && bb > 0 ? ab * ab / (aa * bb) : 0;
}

} // namespace

std::uint32_t FactorScale::bin(double value) const {
    if (continuous()) return bin_of(value, least, greatest);
    return static_cast<std::uint32_t>(std::ranges::lower_bound(values, value) - values.begin());
}

std::vector<FactorScale> factor_scales(Matrix<const double> fit, Matrix<const double> held_out) {
    std::vector<FactorScale> scales;
    for (std::size_t factor = 0; factor < fit.columns(); ++factor) {
        std::vector<double> all;
        for (const Matrix<const double>& part : {fit, held_out})
            for (std::size_t i = 0; i < part.rows(); ++i) all.push_back(part(i, factor));
        const auto [least, greatest] = std::ranges::minmax(all);
        scales.push_back({data::different_values({all.data(), all.size(), 1}, 0, most_factor_values), least, greatest});
    }
    return scales;
}

FactorScores mutual_information_gap(const FactorSamples& samples, std::span<const FactorScale> scales) {
    std::vector<Places> codes;
    for (std::size_t latent = 0; latent < samples.codes.columns(); ++latent)
        codes.push_back(bins_of_code(samples.codes, latent));
    std::vector<double> gaps;
    for (std::size_t factor = 0; factor < scales.size(); ++factor) {
        const Places bins = bins_of_factor(samples, factor, scales[factor]);
        std::vector<double> information;
        for (const Places& code : codes) information.push_back(mutual_information(code, bins));
        const double most = entropy(bins); // 0 where all samples lie in one bin, of which nothing can be told
        gaps.push_back(most > 0 ? gap_of(information) / most : 0);
    }
    return with_mean(std::move(gaps));
}

FactorScores predictability_gap(const FactorSamples& fit, const FactorSamples& held_out,
                                std::span<const FactorScale> scales) {
    std::vector<double> gaps;
    for (std::size_t factor = 0; factor < scales.size(); ++factor) {
        const FactorScale& scale = scales[factor];
        const Places fit_bins = bins_of_factor(fit, factor, scale);
        const Places held_out_bins = bins_of_factor(held_out, factor, scale);
        std::vector<double> scores;
        for (std::size_t latent = 0; latent < fit.codes.columns(); ++latent) {
            const std::vector<double> code = column_of(fit.codes, latent);
            if (scale.continuous()) {
                scores.push_back(squared_correlation(code, column_of(fit.factors, factor)));
                continue;
            }
            const classical::Thresholds thresholds(code, fit_bins, scale.bins());
            scores.push_back(thresholds.balanced_accuracy(column_of(held_out.codes, latent), held_out_bins));
        }
        gaps.push_back(gap_of(scores));
    }
    return with_mean(std::move(gaps));
}

} // namespace elbo::model
