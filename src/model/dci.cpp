#include "classical/lasso.hpp"
#include "data/split.hpp"
#include "model/disentanglement.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace elbo::model {
namespace {

constexpr double chosen_on = 0.2; ///< of the samples to fit to
constexpr std::uint32_t choice_seed = 1;

/// Mean and deviation of each column; 1 for the deviation of what is constant.
struct Scaling {
    std::vector<double> mean, deviation;
};

template <class T>
Scaling scaling_of(Matrix<const T> values) {
    Scaling scaling{std::vector<double>(values.columns()), std::vector<double>(values.columns())};
    const auto rows = static_cast<double>(values.rows());
    for (std::size_t j = 0; j < values.columns(); ++j) {
        for (std::size_t i = 0; i < values.rows(); ++i) scaling.mean[j] += values(i, j) / rows;
        for (std::size_t i = 0; i < values.rows(); ++i) {
            const double apart = values(i, j) - scaling.mean[j];
            scaling.deviation[j] += apart * apart / rows;
        }
        scaling.deviation[j] = scaling.deviation[j] > 0 ? std::sqrt(scaling.deviation[j]) : 1;
    }
    return scaling;
}

/// Means of products of standardised codes, and of these with a standardised factor.
class Moments {
public:
    explicit Moments(const FactorSamples& fit) : codes_(scaling_of(fit.codes)), factors_(scaling_of(fit.factors)) {}

    /// Over samples of which use(i) is true.
    template <class Use>
    std::vector<classical::Gram> grams(const FactorSamples& samples, const Use& use) const {
        const std::size_t latents = samples.codes.columns(), factors = samples.factors.columns();
        std::vector<double> x(latents), y(factors), xx(latents * latents);
        std::vector<classical::Gram> grams(factors);
        for (classical::Gram& gram : grams) gram.xy.resize(latents);
        double count = 0;
        for (std::size_t i = 0; i < samples.codes.rows(); ++i) {
            if (!use(i)) continue;
            ++count;
            for (std::size_t j = 0; j < latents; ++j)
                x[j] = (samples.codes(i, j) - codes_.mean[j]) / codes_.deviation[j];
            for (std::size_t k = 0; k < factors; ++k)
                y[k] = (samples.factors(i, k) - factors_.mean[k]) / factors_.deviation[k];
            for (std::size_t j = 0; j < latents; ++j)
                for (std::size_t l = 0; l < latents; ++l) xx[j * latents + l] += x[j] * x[l];
            for (std::size_t k = 0; k < factors; ++k) {
                grams[k].yy += y[k] * y[k];
                for (std::size_t j = 0; j < latents; ++j) grams[k].xy[j] += x[j] * y[k];
            }
        }
        for (classical::Gram& gram : grams) {
            gram.xx = xx;
            gram.yy /= count;
            for (std::vector<double>* const sums : {&gram.xx, &gram.xy})
                for (double& sum : *sums) sum /= count;
        }
        return grams;
    }

    /// Deviation of a factor on other samples, in units of that here.
    double relative_deviation(Matrix<const double> factors, std::size_t factor) const {
        return scaling_of(factors).deviation[factor] / factors_.deviation[factor];
    }

private:
    Scaling codes_, factors_;
};

/// 1 less the entropy of shares, to the base of their number. 1 where there is one alone, 0 where all are 0.
double concentration(std::span<const double> weights) {
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (!(total > 0)) return 0;
    if (weights.size() == 1) return 1;
    double entropy = 0;
    for (const double weight : weights)
        if (weight > 0) entropy -= weight / total * std::log(weight / total);
    return 1 - entropy / std::log(static_cast<double>(weights.size()));
}

} // namespace

Dci dci_of_importance(std::vector<double> importance, std::size_t factors) {
    Dci dci;
    const std::size_t latents = importance.size() / factors;
    const double total = std::accumulate(importance.begin(), importance.end(), 0.0);
    const auto part = [&](std::span<const double> weights) {
        return total > 0 ? std::accumulate(weights.begin(), weights.end(), 0.0) / total : 0;
    };
    for (std::size_t latent = 0; latent < latents; ++latent) {
        const auto row = std::span(importance).subspan(latent * factors, factors);
        dci.disentanglement += part(row) * concentration(row);
    }
    for (std::size_t factor = 0; factor < factors; ++factor) {
        std::vector<double> column;
        for (std::size_t latent = 0; latent < latents; ++latent)
            column.push_back(importance[latent * factors + factor]);
        dci.completenesses.push_back(concentration(column));
        dci.completeness += part(column) * dci.completenesses.back();
    }
    dci.importance = std::move(importance);
    return dci;
}

Dci dci(const FactorSamples& fit, const FactorSamples& held_out) {
    const std::size_t latents = fit.codes.columns(), factors = fit.factors.columns();
    const Moments moments(fit);
    std::vector<bool> choosing(fit.codes.rows());
    const data::Split split(choosing.size(), chosen_on, choice_seed);
    for (std::uint64_t i = 0; i < split.size(data::Split::Part::validation); ++i)
        choosing[split.row(data::Split::Part::validation, i)] = true;
    const auto all = moments.grams(fit, [](std::size_t) { return true; });
    const auto to_fit = moments.grams(fit, [&](std::size_t i) { return !choosing[i]; });
    const auto to_choose = moments.grams(fit, [&](std::size_t i) { return choosing[i]; });
    const auto others = moments.grams(held_out, [](std::size_t) { return true; });

    std::vector<double> importance(latents * factors), errors;
    for (std::size_t factor = 0; factor < factors; ++factor) {
        const double penalty = classical::choose_penalty(to_fit[factor], to_choose[factor]);
        const std::vector<double> weights = classical::lasso(all[factor], penalty);
        for (std::size_t latent = 0; latent < latents; ++latent)
            importance[latent * factors + factor] = std::abs(weights[latent]);
        const double squared = std::max(others[factor].squared_error(weights), 0.0);
        errors.push_back(std::sqrt(squared) / moments.relative_deviation(held_out.factors, factor));
    }
    Dci scores = dci_of_importance(std::move(importance), factors);
    scores.error = std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(factors);
    scores.errors = std::move(errors);
    return scores;
}

} // namespace elbo::model
