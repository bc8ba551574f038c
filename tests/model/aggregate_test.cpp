// The aggregate posterior's density, and the parts of the KL.
#include "model/aggregate.hpp"
#include "model/posterior.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace elbo::model {
namespace {

double log_normal(double z, double mean, double log_variance) {
    return -0.5 * (std::pow(z - mean, 2) * std::exp(-log_variance) + log_variance + std::log(2 * std::numbers::pi));
}

struct Drawn {
    std::size_t samples, latent;
    std::vector<float> mean, log_variance, z;

    Drawn(std::size_t n, std::size_t d, double spread, double deviation) : samples(n), latent(d) {
        std::mt19937 random(7);
        std::normal_distribution<double> normal;
        for (std::size_t i = 0; i < n * d; ++i) {
            mean.push_back(static_cast<float>(spread * normal(random)));
            log_variance.push_back(static_cast<float>(2 * std::log(deviation) + 0.3 * normal(random)));
            z.push_back(static_cast<float>(mean[i] + std::exp(0.5 * log_variance[i]) * normal(random)));
        }
    }
    Matrix<const float> means() const { return {mean.data(), samples, latent}; }
    Matrix<const float> log_variances() const { return {log_variance.data(), samples, latent}; }
    KlSplit split() const {
        AggregatePosterior aggregate(means(), log_variances());
        std::vector<double> sums(aggregate.columns()), found(samples * sums.size());
        const Matrix<double> densities(found.data(), samples, sums.size());
        aggregate.log_densities(0, {z.data(), samples, latent}, densities);
        for (std::size_t i = 0; i < samples; ++i)
            for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += densities(i, c) / static_cast<double>(samples);
        return split_kl(sums);
    }
    double kl() const {
        double sum = 0;
        for (std::size_t i = 0; i < mean.size(); ++i) sum += kl_of_dimension(mean[i], log_variance[i]);
        return sum / static_cast<double>(samples);
    }
};

TEST(AggregatePosterior, IsTheMixtureOfItsSamples) {
    const Drawn codes(37, 3, 1, 0.2); // no whole number of vectors
    AggregatePosterior aggregate(codes.means(), codes.log_variances());
    const float z[] = {0.3f, -1.2f, 0.8f};
    std::vector<double> found(aggregate.columns());
    aggregate.log_densities(5, {z, 1, 3}, {found.data(), 1, found.size()});
    double joint = 0, single[3] = {};
    for (std::size_t n = 0; n < 37; ++n) {
        double log_density = 0;
        for (std::size_t d = 0; d < 3; ++d) {
            const double term = log_normal(z[d], codes.mean[n * 3 + d], codes.log_variance[n * 3 + d]);
            single[d] += std::exp(term) / 37;
            log_density += term;
        }
        joint += std::exp(log_density) / 37;
    }
    double prior = 0, own = 0;
    for (std::size_t d = 0; d < 3; ++d) {
        prior += log_normal(z[d], 0, 0);
        own += log_normal(z[d], codes.mean[5 * 3 + d], codes.log_variance[5 * 3 + d]);
    }
    EXPECT_NEAR(found[0], prior, 1e-6);
    EXPECT_NEAR(found[1], own, 1e-4 * std::abs(own));
    EXPECT_NEAR(found[2], std::log(joint), 1e-4);
    for (std::size_t d = 0; d < 3; ++d) EXPECT_NEAR(found[3 + d], std::log(single[d]), 1e-5);
}

/// Codes are taken some at a time and samples in blocks: neither shows.
TEST(AggregatePosterior, OfManyCodesIsThatOfEach) {
    const Drawn codes(611, 5, 1, 0.4);
    AggregatePosterior aggregate(codes.means(), codes.log_variances());
    const std::size_t first = 3, rows = 21, columns = aggregate.columns();
    std::vector<double> together(rows * columns), alone(columns);
    const Matrix<const float> z(codes.z.data(), codes.samples, codes.latent);
    aggregate.log_densities(first, z.some_rows(first, rows), {together.data(), rows, columns});
    for (std::size_t i = 0; i < rows; ++i) {
        aggregate.log_densities(first + i, z.some_rows(first + i, 1), {alone.data(), 1, columns});
        for (std::size_t c = 0; c < columns; ++c) EXPECT_EQ(together[i * columns + c], alone[c]) << i << ", " << c;
        double density = 0;
        for (std::size_t n = 0; n < codes.samples; ++n)
            density += std::exp(log_normal(z(first + i, 0), codes.mean[n * 5], codes.log_variance[n * 5])) / 611;
        EXPECT_NEAR(alone[AggregatePosterior::first_dimension], std::log(density), 1e-5) << i;
    }
}

/// Far from all samples, and in 300 dimensions, where densities themselves are beyond any float.
TEST(AggregatePosterior, DoesNotOverflow) {
    const Drawn codes(20, 300, 3, 0.01);
    AggregatePosterior aggregate(codes.means(), codes.log_variances());
    std::vector<double> found(aggregate.columns());
    aggregate.log_densities(0, {codes.z.data(), 1, 300}, {found.data(), 1, found.size()});
    double own = -std::log(20.0);
    for (std::size_t d = 0; d < 300; ++d) own += log_normal(codes.z[d], codes.mean[d], codes.log_variance[d]);
    EXPECT_NEAR(found[2], own, 0.01) << "other samples are out of sight";
}

TEST(KlSplit, AddsUpToTheKl) {
    const Drawn codes(500, 4, 1, 0.5);
    const KlSplit split = codes.split();
    EXPECT_NEAR(split.mutual_information + split.total_correlation + split.dimension_wise, codes.kl(), 0.1)
        << "draws instead of the closed form";
    EXPECT_NEAR(split.kl(), split.mutual_information + split.total_correlation + split.dimension_wise, 1e-12);
}

/// Posteriors that are the prior tell nothing and depend on nothing.
TEST(KlSplit, OfACollapsedPosteriorIsNothing) {
    const Drawn codes(400, 5, 0, 1);
    Drawn same = codes;
    same.log_variance.assign(same.log_variance.size(), 0);
    const KlSplit split = same.split();
    EXPECT_NEAR(split.mutual_information, 0, 1e-4);
    EXPECT_NEAR(split.total_correlation, 0, 1e-4);
    EXPECT_NEAR(split.dimension_wise, 0, 1e-4);
}

/// Narrow posteriors far apart name their sample: log N.
TEST(KlSplit, OfSamplesThatAreToldApartIsTheLogOfTheirNumber) {
    const KlSplit split = Drawn(300, 6, 1, 1e-3).split();
    EXPECT_NEAR(split.mutual_information, std::log(300.0), 0.15);
}

/// Two dimensions that say the same: their correlation is all that one of them has.
TEST(KlSplit, SeesDimensionsThatDependOnEachOther) {
    Drawn codes(2000, 2, 1, 0.1);
    const double independent = codes.split().total_correlation;
    for (std::size_t n = 0; n < codes.samples; ++n) {
        codes.z[2 * n + 1] += codes.mean[2 * n] - codes.mean[2 * n + 1];
        codes.mean[2 * n + 1] = codes.mean[2 * n];
    }
    EXPECT_GT(codes.split().total_correlation, independent + 1);
    EXPECT_LT(independent, 0.35);
}

TEST(SplitSamples, AreBoundedByTheWork) {
    EXPECT_EQ(split_samples(500, 20), 500u);
    EXPECT_EQ(split_samples(1'000'000, 20), 10'000u);
    EXPECT_EQ(split_samples(1'000'000, 4000), 1000u);
}

} // namespace
} // namespace elbo::model
