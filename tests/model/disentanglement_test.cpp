// Scores of disentanglement: their extremes, and figures of disent 0.8.0's functions on the same codes.
#include "model/disentanglement.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace elbo;
using namespace elbo::model;
using elbo::testing::Congruential;

struct Known {
    std::vector<float> codes;
    std::vector<double> factors;
    std::size_t rows, latents, count;
    FactorSamples samples() const { return {{codes.data(), rows, latents}, {factors.data(), rows, count}}; }
};

/// Three factors, of 3 and 4 values and continuous; `make` gives the codes of a sample's factors.
template <class Make>
Known known(std::uint64_t seed, std::size_t rows, std::size_t latents, const Make& make) {
    Congruential random(seed);
    Known all{{}, {}, rows, latents, 3};
    for (std::size_t i = 0; i < rows; ++i) {
        const double a = std::floor(3 * random()), b = std::floor(4 * random()), c = random();
        all.factors.insert(all.factors.end(), {a, b, c});
        for (const double code : make(a, b, c, random)) all.codes.push_back(static_cast<float>(code));
    }
    return all;
}

/// Each factor has a code of its own; the fourth code is noise too small to be active.
Known perfect(std::uint64_t seed, std::size_t rows) {
    return known(seed, rows, 4, [](double a, double b, double c, Congruential& random) {
        return std::vector<double>{-a, 2 * c, 0.5 * b, 0.01 * random()};
    });
}

Known noise(std::uint64_t seed, std::size_t rows) {
    return known(seed, rows, 4, [](double, double, double, Congruential& random) {
        return std::vector<double>{random(), random(), random(), random()};
    });
}

Known mixed(std::uint64_t seed, std::size_t rows) {
    return known(seed, rows, 5, [](double a, double b, double c, Congruential& random) {
        std::vector<double> codes = {a + 0.3 * (random() - 0.5)};
        codes.push_back(b * 0.5 + 0.5 * c + 0.2 * (random() - 0.5));
        codes.push_back(-c + 0.1 * (random() - 0.5));
        codes.push_back(random() - 0.5);
        codes.push_back(0.3 * a + b * 0.2 + random() - 0.5);
        return codes;
    });
}

std::vector<FactorScale> scales_of(const Known& fit, const Known& held_out) {
    return factor_scales(fit.samples().factors, held_out.samples().factors);
}

TEST(Disentanglement, FactorsAreClassesOrCutIntoBins) {
    const std::vector<FactorScale> scales = scales_of(perfect(1, 500), perfect(2, 100));
    EXPECT_EQ(scales[0].values, (std::vector<double>{0, 1, 2}));
    EXPECT_EQ(scales[1].bins(), 4U);
    EXPECT_EQ(scales[1].bin(3), 3U);
    EXPECT_TRUE(scales[2].continuous());
    EXPECT_EQ(scales[2].bins(), 20U);
    EXPECT_EQ(scales[2].bin(scales[2].least), 0U);
    EXPECT_EQ(scales[2].bin(0.5), 10U);
    EXPECT_EQ(scales[2].bin(scales[2].greatest), 19U);
}

// Codes that are the factors: every score is at its greatest but for what counting in bins of 4,000 samples adds to the
// next code's mutual information (about 9 x 19 / 8,000 nats of ln 3), and chance to its accuracy.
TEST(Disentanglement, OfPerfectCodesIsOne) {
    const Known fit = perfect(1, 4000), held_out = perfect(2, 4000);
    const std::vector<FactorScale> scales = scales_of(fit, held_out);
    const FactorScores gap = mutual_information_gap(fit.samples(), scales);
    for (const double factor : gap.factors) EXPECT_GT(factor, 0.95);
    const FactorScores predictability = predictability_gap(fit.samples(), held_out.samples(), scales);
    EXPECT_NEAR(predictability.factors[0], 1 - 1.0 / 3, 0.05); // the next code guesses
    EXPECT_NEAR(predictability.factors[1], 1 - 1.0 / 4, 0.05);
    EXPECT_NEAR(predictability.factors[2], 1, 0.01);
    const Dci scores = dci(fit.samples(), held_out.samples());
    EXPECT_GT(scores.disentanglement, 0.97);
    EXPECT_GT(scores.completeness, 0.97);
    EXPECT_LT(scores.error, 0.01);
    const FactorVotes votes = factor_votes(fit.samples(), held_out.samples(), scales, 1);
    EXPECT_EQ(votes.score, 1);
    EXPECT_EQ(votes.latents, 3U);
    EXPECT_NEAR(votes.chance, 1.0 / 3, 0.03);
}

// A code's variance counts in units of its own over all samples: here the noise of one code is larger than all of the
// others, which would make one of these the quietest whatever the factor.
TEST(Disentanglement, VotesDoNotDependOnTheScaleOfCodes) {
    const auto scaled = [](std::uint64_t seed) {
        return known(seed, 4000, 3, [](double a, double b, double c, Congruential& random) {
            return std::vector<double>{100 * a + 10 * random(), 0.2 * b, c};
        });
    };
    const Known fit = scaled(1), held_out = scaled(2);
    const FactorVotes votes = factor_votes(fit.samples(), held_out.samples(), scales_of(fit, held_out), 1);
    EXPECT_EQ(votes.score, 1);
    EXPECT_EQ(votes.latents, 3U);
}

// An outlier among the held-out samples stretches a continuous factor's bins until all others lie in one.
TEST(Disentanglement, OfAFactorInOneBinNothingIsTold) {
    const Known fit = perfect(1, 500);
    std::vector<FactorScale> scales = scales_of(fit, perfect(2, 100));
    scales[2].greatest = 1e6;
    const FactorScores gap = mutual_information_gap(fit.samples(), scales);
    EXPECT_EQ(gap.factors[2], 0);
    EXPECT_NEAR(gap.mean, (gap.factors[0] + gap.factors[1]) / 3, 1e-12);
}

TEST(Disentanglement, OfNoiseIsNothing) {
    const Known fit = noise(1, 4000), held_out = noise(2, 4000);
    const std::vector<FactorScale> scales = scales_of(fit, held_out);
    EXPECT_LT(mutual_information_gap(fit.samples(), scales).mean, 0.01);
    EXPECT_LT(predictability_gap(fit.samples(), held_out.samples(), scales).mean, 0.05);
    const Dci scores = dci(fit.samples(), held_out.samples());
    EXPECT_NEAR(scores.error, 1, 0.02);
    const FactorVotes votes = factor_votes(fit.samples(), held_out.samples(), scales, 1);
    EXPECT_LT(votes.score, votes.chance + 0.1);
}

// disent.metrics: _mig._compute_mig on these codes and factors, the third in 20 bins; _sap._compute_score_matrix of the
// third, continuous_factors=True: the squared correlations 0.9900567492 and 0.086302929 of the best two codes.
TEST(Disentanglement, AgreesWithDisent) {
    const Known fit = mixed(3, 2000), held_out = mixed(4, 1000);
    const std::vector<FactorScale> scales = scales_of(fit, held_out);
    const FactorScores gap = mutual_information_gap(fit.samples(), scales);
    const std::vector<double> gaps = {0.826170548, 0.7375366459, 0.4197838358};
    for (std::size_t factor = 0; factor < 3; ++factor) EXPECT_NEAR(gap.factors[factor], gaps[factor], 1e-9);
    EXPECT_NEAR(gap.mean, 0.6611636765539807, 1e-9);
    const FactorScores predictability = predictability_gap(fit.samples(), held_out.samples(), scales);
    EXPECT_NEAR(predictability.factors[2], 0.9900567492 - 0.086302929, 1e-6);
    // Its linear machine reaches 1 and 0.521 for the first; thresholds that are the best there are do as well.
    EXPECT_NEAR(predictability.factors[0], 1 - 0.55, 0.1);
}

// disent.metrics._dci: _disentanglement and _completeness of this importance.
TEST(Disentanglement, OfImportanceAgreesWithDisent) {
    const Dci scores = dci_of_importance({0.5, 0.1, 0.2, 0.0, 0.7, 0.1, 0.3, 0.05, 0.9, 0, 0, 0, 0.2, 0.2, 0.2}, 3);
    EXPECT_NEAR(scores.disentanglement, 0.32311954218826594, 1e-9);
    EXPECT_NEAR(scores.completeness, 0.37462960789213384, 1e-9);
}

TEST(Disentanglement, OfImportanceHasKnownExtremes) {
    EXPECT_EQ(dci_of_importance({1, 0, 0, 1}, 2).disentanglement, 1);
    EXPECT_NEAR(dci_of_importance({1, 1, 1, 1}, 2).completeness, 0, 1e-15);
    // One code holds both factors, each of which needs it alone.
    const Dci one = dci_of_importance({1, 1, 0, 0}, 2);
    EXPECT_NEAR(one.disentanglement, 0, 1e-15);
    EXPECT_EQ(one.completeness, 1);
    EXPECT_EQ(dci_of_importance({0, 0, 0, 0}, 2).disentanglement, 0);
}

TEST(Disentanglement, OneCodeHasNoNext) {
    const Known fit = known(5, 300, 1, [](double a, double, double, Congruential&) { return std::vector<double>{a}; });
    const std::vector<FactorScale> scales = scales_of(fit, fit);
    EXPECT_NEAR(mutual_information_gap(fit.samples(), scales).factors[0], 1, 1e-9);
    EXPECT_NEAR(predictability_gap(fit.samples(), fit.samples(), scales).factors[0], 1, 1e-9);
}

} // namespace
