// Sums of latents: mean and variance as by their formulas, however many blocks there are; the same bits of all ranks.
#include "mpi/world.hpp"
#include "training/latents.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace {

using namespace elbo;

/// Blocks of one sample: the first dimension's mean is sin(block), the second's is 0.
std::vector<model::LatentDimension> found_by(const comm::Communicator& ranks, std::uint64_t blocks) {
    training::LatentSums sums(2, blocks);
    const data::Range mine = sums.blocks_of(ranks);
    for (std::uint64_t block = mine.begin; block < mine.end; ++block) {
        const double mean = std::sin(static_cast<double>(block));
        const std::span<double> room = sums.of_block(block);
        room[0] += 0.5 * mean * mean;
        room[2] += mean;
        room[4] += mean * mean;
    }
    return sums.dimensions(ranks, blocks);
}

TEST(LatentSums, GiveKlAndVarianceOfTheMeansWhoeverComputesThem) {
    const comm::Communicator alone = world().node(false);
    for (const std::uint64_t blocks : {1U, 2U, 1023U, 1025U, 5000U}) {
        SCOPED_TRACE(blocks);
        double mean = 0, square = 0;
        for (std::uint64_t block = 0; block < blocks; ++block) {
            const double term = std::sin(static_cast<double>(block)), share = 1 / static_cast<double>(blocks);
            mean += share * term;
            square += share * term * term;
        }
        const std::vector<model::LatentDimension> one = found_by(alone, blocks), all = found_by(world(), blocks);
        ASSERT_EQ(one.size(), 2U);
        EXPECT_NEAR(one[0].kl, 0.5 * square, 1e-12);
        EXPECT_NEAR(one[0].variance, square - mean * mean, 1e-12);
        EXPECT_EQ(one[1].kl, 0);
        EXPECT_EQ(one[1].variance, 0);
        EXPECT_EQ(one[0].kl, all[0].kl);
        EXPECT_EQ(one[0].variance, all[0].variance);
    }
}

} // namespace
