// Nearest neighbours: against distances one by one, and where they are equal.
#include "classical/neighbours.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace {

using namespace elbo;
using namespace elbo::classical;

const comm::Communicator alone;

// 3,000 samples are more than a block of distances has columns, 150 queries more than it has rows; on a grid of
// integers distances are exact, and many are equal.
TEST(Neighbours, AreThoseOfDistancesOneByOne) {
    elbo::testing::Congruential random(7);
    constexpr std::size_t width = 3, rows = 3000, queries = 150;
    std::vector<float> x, q;
    std::vector<std::uint32_t> classes;
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < width; ++j) x.push_back(static_cast<float>(static_cast<int>(12 * random())));
        classes.push_back(static_cast<std::uint32_t>(4 * random()));
    }
    for (std::size_t i = 0; i < queries * width; ++i) q.push_back(static_cast<float>(static_cast<int>(12 * random())));
    const std::array<std::size_t, 3> counts = {1, 5, 4000};
    const std::vector<std::uint32_t> found =
        nearest_classes(alone, {{x.data(), rows, width}, classes}, {q.data(), queries, width}, counts);
    ASSERT_EQ(found.size(), queries * counts.size());

    for (std::size_t i = 0; i < queries; ++i) {
        std::vector<std::pair<float, std::size_t>> distances;
        for (std::size_t row = 0; row < rows; ++row) {
            float distance = 0;
            for (std::size_t j = 0; j < width; ++j) {
                const float apart = x[row * width + j] - q[i * width + j];
                distance += apart * apart;
            }
            distances.emplace_back(distance, row);
        }
        std::ranges::sort(distances);
        for (std::size_t k = 0; k < counts.size(); ++k) {
            std::array<int, 4> votes{};
            for (std::size_t n = 0; n < std::min(counts[k], rows); ++n) ++votes[classes[distances[n].second]];
            const auto most = static_cast<std::uint32_t>(std::ranges::max_element(votes) - votes.begin());
            EXPECT_EQ(found[i * counts.size() + k], most) << i << ", " << counts[k];
        }
    }
}

// What is added to all samples and queries changes no distance.
TEST(Neighbours, DoNotDependOnWhereTheFeaturesLie) {
    elbo::testing::Congruential random(3);
    constexpr std::size_t width = 4, rows = 300, queries = 100;
    const auto found = [&](float offset) {
        elbo::testing::Congruential numbers = random;
        std::vector<float> x, q;
        std::vector<std::uint32_t> classes;
        const auto add = [&](std::vector<float>& features, std::uint32_t one) { // sixteenths, exact at any offset here
            for (std::size_t j = 0; j < width; ++j)
                features.push_back(offset +
                                   static_cast<float>(static_cast<double>(one * j) + std::round(16 * numbers()) / 16));
        };
        for (std::size_t i = 0; i < rows; ++i) {
            classes.push_back(static_cast<std::uint32_t>(i % 3));
            add(x, classes.back());
        }
        for (std::size_t i = 0; i < queries; ++i) add(q, static_cast<std::uint32_t>(i % 3));
        const std::array<std::size_t, 2> counts = {1, 5};
        return nearest_classes(alone, {{x.data(), rows, width}, classes}, {q.data(), queries, width}, counts);
    };
    const std::vector<std::uint32_t> near = found(0);
    EXPECT_EQ(found(1e4f), near);
    EXPECT_EQ(found(1e5f), near);
    for (std::size_t i = 0; i < queries; ++i) EXPECT_EQ(near[2 * i + 1], i % 3);
}

TEST(Neighbours, EqualVotesGoToTheSmallerClass) {
    const std::vector<float> x = {1, -1, 2, -2}, query = {0};
    const std::vector<std::uint32_t> classes = {3, 2, 1, 1};
    const std::array<std::size_t, 3> counts = {1, 2, 4};
    // The nearest: sample 0 and 1 at the same distance, of which the smaller number comes first.
    EXPECT_EQ(nearest_classes(alone, {{x.data(), 4, 1}, classes}, {query.data(), 1, 1}, counts),
              (std::vector<std::uint32_t>{3, 2, 1}));
}

} // namespace
