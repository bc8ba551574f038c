// `elbo probe` where labels are known factors: scores of disentanglement.
#include "base/text.hpp"
#include "commands/probing.hpp"
#include "model/disentanglement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace elbo::commands {
namespace {

using model::FactorScale;

constexpr std::size_t most_factors = 1000;
constexpr std::uint32_t seed = 1; ///< of the votes, so that models can be compared

/// The columns of these numbers.
std::vector<double> chosen(Matrix<const double> labels, const std::vector<std::size_t>& columns) {
    std::vector<double> some;
    for (std::size_t i = 0; i < labels.rows(); ++i)
        for (const std::size_t c : columns) some.push_back(labels(i, c));
    return some;
}

Matrix<const double> rows_of(const std::vector<double>& values, std::size_t columns) {
    return {values.data(), values.size() / columns, columns};
}

class FactorProbe {
public:
    FactorProbe(const Probing& probing, const KnownFactors& factors)
        : probing_(probing),
          names_(factors.names),
          constant_(factors.constant),
          fit_{probing.codes.fit.matrix(), rows_of(factors.fit, names_.size())},
          held_out_{probing.codes.held_out.matrix(), rows_of(factors.held_out, names_.size())},
          scales_(model::factor_scales(fit_.factors, held_out_.factors)) {}

    /// Rank 0's: what takes long, the codes, is there.
    void run() {
        live("mutual information", 0);
        gaps_ = model::mutual_information_gap(fit_, scales_);
        live("predictability", 0.2);
        predictability_ = model::predictability_gap(fit_, held_out_, scales_);
        live("regressions", 0.4);
        dci_ = model::dci(fit_, held_out_);
        live("votes", 0.6);
        votes_ = model::factor_votes(fit_, held_out_, scales_, seed);
        tell_factors();
        tell_scores();
        tell_definitions();
        add_fields();
    }

private:
    void tell(const std::string& text) const { probing_.terminal.line(text); }
    void note(const std::string& text) const { tell(wrapped("- " + text, 2)); }
    void live(const char* what, double fraction) const { probing_.terminal.live({what, fraction, "", 0, 0}); }

    static std::string describe(const FactorScale& scale) {
        if (!scale.continuous()) return fmt::format("{} values", scale.bins());
        // To a hundredth of the range: no end needs more.
        const double unit = std::pow(10, std::floor(std::log10(scale.greatest - scale.least)) - 2);
        const auto rounded = [&](double value) { return std::round(value / unit) * unit + 0.0; };
        return fmt::format("{:.4g} to {:.4g}", rounded(scale.least), rounded(scale.greatest));
    }

    void tell_factors() const {
        tell(
            fmt::format("\n{:<16}{:<16}{:>11}{:>11}{:>14}{:>11}", "factor", "", "MIG", "SAP", "completeness", "error"));
        for (std::size_t k = 0; k < names_.size(); ++k)
            tell(fmt::format("{:<16.15}{:<16}{:>11.3f}{:>11.3f}{:>14.3f}{:>11.3f}", printable(names_[k], 15),
                             describe(scales_[k]), gaps_.factors[k], predictability_.factors[k], dci_.completenesses[k],
                             dci_.errors[k]));
        tell(fmt::format("{:<32}{:>11.3f}{:>11.3f}{:>14.3f}{:>11.3f}", "mean", gaps_.mean, predictability_.mean,
                         dci_.completeness, dci_.error));
        for (const std::string& name : constant_) note(fmt::format("{} is always the same, and left out.", name));
    }

    void tell_scores() const {
        tell(fmt::format("\nDCI disentanglement {:.3f}", dci_.disentanglement));
        tell(fmt::format("FactorVAE score {:.3f} (always the commonest factor: {:.3f}), {} of {} latents\n",
                         votes_.score, votes_.chance, votes_.latents, probing_.codes.fit.columns()));
    }

    void tell_definitions() const {
        note(fmt::format(
            "A factor of more than {} different values is continuous, and where bins are needed cut into {} "
            "of equal width; so are the codes, which are posterior means.",
            model::most_factor_values, model::factor_bins));
        note("MIG (Chen et al. 2018): mutual information of the best code less that of the next, over the factor's "
             "entropy; from counts in bins over the samples fitted to.");
        note("SAP (Kumar et al. 2018): of a continuous factor the squared correlation with the best code less that "
             "with the next; of others the balanced accuracy of thresholds on one code, held out.");
        note("DCI (Eastwood & Williams 2018): lasso of each factor, as a number, on all codes, its penalty chosen on a "
             "fifth of the samples fitted to; importance is a weight's size. Means of disentanglement and completeness "
             "are weighted by it. error: RMS held out over the factor's deviation. Implementations with boosted trees "
             "give other figures.");
        note(fmt::format("FactorVAE score (Kim & Mnih 2018): majority votes, {} to fit, {} held out, each of {} "
                         "samples that are alike in a factor's value or bin; codes with variance above 0.01.",
                         with_commas(model::votes_to_fit), with_commas(model::votes_held_out), model::vote_samples));
    }

    void add_fields() const {
        report::Fields& fields = probing_.fields;
        const auto add = [&](const std::string& score, double mean, std::span<const double> factors) {
            fields.emplace_back(score + ".mean", mean);
            for (std::size_t k = 0; k < factors.size(); ++k)
                fields.emplace_back(fmt::format("{}.{}", score, names_[k]), factors[k]);
        };
        add("mig", gaps_.mean, gaps_.factors);
        add("sap", predictability_.mean, predictability_.factors);
        add("dci.completeness", dci_.completeness, dci_.completenesses);
        add("dci.error", dci_.error, dci_.errors);
        fields.emplace_back("dci.disentanglement", dci_.disentanglement);
        for (std::size_t i = 0; i < dci_.importance.size(); ++i)
            fields.emplace_back(fmt::format("dci.importance.{}.{}", i / names_.size(), names_[i % names_.size()]),
                                dci_.importance[i]);
        fields.emplace_back("factorvae.score", votes_.score);
        fields.emplace_back("factorvae.chance", votes_.chance);
        fields.emplace_back("factorvae.latents", static_cast<std::int64_t>(votes_.latents));
    }

    const Probing& probing_;
    const std::vector<std::string>&names_, &constant_;
    model::FactorSamples fit_, held_out_;
    std::vector<FactorScale> scales_;
    model::FactorScores gaps_, predictability_;
    model::Dci dci_;
    model::FactorVotes votes_;
};

} // namespace

KnownFactors factors_of(const training::ProbeData& data) {
    const data::LabelValues &fit = data.fit.labels, &held_out = data.held_out.labels;
    if (fit.columns.size() > most_factors)
        reject("{}: {} values a sample; expected a class, or up to {} factors", fit.name,
               with_commas(fit.columns.size()), with_commas(most_factors));
    KnownFactors factors;
    std::vector<std::size_t> columns;
    for (std::size_t c = 0; c < fit.columns.size(); ++c) {
        const bool changes = data::different_values(fit.matrix(), c, 1).empty() &&
                             data::different_values(held_out.matrix(), c, 1).empty();
        std::string name = fit.columns[c];
        std::ranges::replace(name, '.', '_'); // a dot would part names of figures
        (changes ? factors.names : factors.constant).push_back(name);
        if (changes) columns.push_back(c);
    }
    if (columns.size() < 2)
        reject("{}: {} of its {} factors change from sample to sample; scores of disentanglement need two", fit.name,
               columns.size(), fit.columns.size());
    factors.fit = chosen(fit.matrix(), columns);
    factors.held_out = chosen(held_out.matrix(), columns);
    return factors;
}

void probe_factors(const Probing& probing, const KnownFactors& factors) {
    probing.world().on_first([&] { FactorProbe(probing, factors).run(); });
}

} // namespace elbo::commands
