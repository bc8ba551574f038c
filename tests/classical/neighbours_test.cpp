// Nearest neighbours: against distances one by one, and where they are equal.
#include "classical/neighbours.hpp"
#include "support/congruential.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

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

TEST(Neighbours, EqualVotesGoToTheSmallerClass) {
    const std::vector<float> x = {1, -1, 2, -2}, query = {0};
    const std::vector<std::uint32_t> classes = {3, 2, 1, 1};
    const std::array<std::size_t, 3> counts = {1, 2, 4};
    // The nearest: sample 0 and 1 at the same distance, of which the smaller number comes first.
    EXPECT_EQ(nearest_classes(alone, {{x.data(), 4, 1}, classes}, {query.data(), 1, 1}, counts),
              (std::vector<std::uint32_t>{3, 2, 1}));
}

} // namespace
