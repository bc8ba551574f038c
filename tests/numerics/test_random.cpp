// Addressed random numbers: the words against Philox's published vectors, everything else against the words, and the
// distributions against what theory says of them.
#include "base/error.hpp"
#include "numerics/every_target.hpp"
#include "numerics/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <vector>

namespace elbo {
namespace {

std::vector<float> uniforms(const Stream& stream, std::uint64_t sample, std::uint32_t draw, std::size_t count) {
    std::vector<float> out(count);
    fill_uniform(stream, sample, draw, out);
    return out;
}

std::vector<float> normals(const Stream& stream, std::uint64_t sample, std::uint32_t draw, std::size_t count) {
    std::vector<float> out(count);
    fill_normal(stream, sample, draw, out);
    return out;
}

/// Kolmogorov & Smirnov: the largest distance between the values' distribution and F, times the root of their number.
double kolmogorov_distance(std::vector<float> values, const std::function<double(double)>& distribution) {
    std::ranges::sort(values);
    const double n = static_cast<double>(values.size());
    double distance = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double expected = distribution(values[i]);
        distance = std::max({distance, std::abs(static_cast<double>(i) / n - expected),
                             std::abs(static_cast<double>(i + 1) / n - expected)});
    }
    return distance * std::sqrt(n);
}

/// Distances above 2.2 have probability 2 e^(-2 * 2.2^2) = 1e-4; the numbers are fixed, so that a pass stays one.
constexpr double kolmogorov_limit = 2.2;

double correlation(const std::vector<float>& a, const std::vector<float>& b) {
    double ab = 0, aa = 0, bb = 0;
    const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / static_cast<double>(a.size());
    const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / static_cast<double>(b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = a[i] - mean_a, y = b[i] - mean_b;
        ab += x * y, aa += x * x, bb += y * y;
    }
    return ab / std::sqrt(aa * bb);
}

double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

/// Random123's kat_vectors for philox4x32-10, as far as our addresses reach: any counter, purposes as numbers.
TEST(RandomWords, AgreeWithThePublishedVectors) {
    const auto words = [](std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
        const Stream stream{key[0], static_cast<Purpose>(key[1]), counter[3] >> 8};
        return random_words(stream, (std::uint64_t{counter[3] & 255} << 32) | counter[2], counter[1], counter[0]);
    };
    using Words = std::array<std::uint32_t, 4>;
    EXPECT_EQ(words({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    constexpr std::uint32_t ones = 0xffffffff;
    EXPECT_EQ(words({ones, ones, ones, ones}, {ones, ones}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(words({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomWords, RefuseAddressesBeyondTheirRange) {
    EXPECT_NO_THROW(random_words({1, Purpose::posterior, 0xFFFFFF}, (std::uint64_t{1} << 40) - 1, 0, 0));
    EXPECT_THROW(random_words({1, Purpose::posterior, 0}, std::uint64_t{1} << 40, 0, 0), Error);
    EXPECT_THROW(random_words({1, Purpose::posterior, 1 << 24}, 0, 0, 0), Error);
}

/// Streams, samples and draws all over their range.
std::vector<std::tuple<Stream, std::uint64_t, std::uint32_t>> addresses() {
    std::vector<std::tuple<Stream, std::uint64_t, std::uint32_t>> list;
    for (const std::uint32_t seed : {0u, 1u, 0xFFFFFFFFu})
        for (const Purpose purpose : {Purpose::initial_values, Purpose::binarize, Purpose::synthesis})
            for (const std::uint32_t epoch : {0u, 19u, 0xFFFFFFu})
                for (const std::uint64_t sample : {0ull, 59999ull, 0xFFFFFFFFull, 0xFEDCBA9876ull, 0xFFFFFFFFFFull})
                    for (const std::uint32_t draw : {0u, 7u, 0xFFFFFFFFu})
                        list.emplace_back(Stream{seed, purpose, epoch}, sample, draw);
    return list;
}

TEST(FillUniform, TakesTheUpperBitsOfTheWords) {
    on_every_target([] {
        for (const auto& [stream, sample, draw] : addresses()) {
            const std::vector<float> values = uniforms(stream, sample, draw, 1100);
            for (std::uint32_t d = 0; d < values.size(); ++d) {
                const std::uint32_t word = random_words(stream, sample, draw, d / 4)[d % 4];
                ASSERT_EQ(values[d], static_cast<float>(word >> 8) * 0x1p-24f)
                    << "sample " << sample << ", draw " << draw << ", dimension " << d;
            }
        }
    });
}

TEST(FillNormal, IsBoxAndMullerOfTheWords) {
    on_every_target([] {
        for (const auto& [stream, sample, draw] : addresses()) {
            const std::vector<float> values = normals(stream, sample, draw, 600);
            for (std::uint32_t d = 0; d < values.size(); d += 2) {
                const auto words = random_words(stream, sample, draw, d / 4);
                const double u = (static_cast<double>(words[d % 4] >> 1) + 0.5) * 0x1p-31;
                const double angle = static_cast<double>(static_cast<std::int32_t>(words[d % 4 + 1])) * 0x1p-31 * M_PI;
                const double radius = std::sqrt(-2 * std::log(u));
                // u is rounded to 24 bits, which near u = 1 (radius near 0) is an absolute error of 2^-25 in radius^2 /
                // 2; the angle's rounding is 2^-24 of it, times the radius.
                const double tolerance = std::max(2e-6, 1.2e-7 / std::max(radius, 1e-4));
                ASSERT_NEAR(values[d], radius * std::cos(angle), tolerance) << "dimension " << d;
                ASSERT_NEAR(values[d + 1], radius * std::sin(angle), tolerance) << "dimension " << d + 1;
            }
        }
    });
}

TEST(RandomNumbers, ADimensionHasTheSameBitsWhateverTheLength) {
    on_every_target([] {
        const Stream stream{3, Purpose::posterior, 2};
        const std::vector<float> long_uniforms = uniforms(stream, 5, 1, 1000);
        const std::vector<float> long_normals = normals(stream, 5, 1, 1000);
        const std::vector<float> probabilities(1000, 0.5f);
        std::vector<float> long_binary = probabilities;
        binarize(stream, 5, long_binary);
        for (std::size_t count = 0; count < 600; ++count) {
            std::vector<float> guarded(count + 64, 9.0f);
            const std::span<float> out = std::span(guarded).first(count);
            const auto same_as = [&](const std::vector<float>& expected) {
                for (std::size_t d = 0; d < count; ++d)
                    ASSERT_EQ(std::bit_cast<std::uint32_t>(out[d]), std::bit_cast<std::uint32_t>(expected[d])) << d;
                ASSERT_TRUE(std::all_of(guarded.begin() + static_cast<std::ptrdiff_t>(count), guarded.end(),
                                        [](float x) { return x == 9.0f; }))
                    << "written beyond " << count;
            };
            fill_uniform(stream, 5, 1, out);
            same_as(long_uniforms);
            fill_normal(stream, 5, 1, out);
            same_as(long_normals);
            std::ranges::fill(out, 0.5f);
            binarize(stream, 5, out);
            same_as(long_binary);
        }
    });
}

TEST(FillUniform, IsUniform) {
    const std::vector<float> values = uniforms({1, Purpose::binarize, 0}, 0, 0, 1000000);
    EXPECT_GE(*std::ranges::min_element(values), 0.0f);
    EXPECT_LT(*std::ranges::max_element(values), 1.0f);
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / 1e6;
    EXPECT_NEAR(mean, 0.5, 4 * std::sqrt(1.0 / 12) / 1e3);
    EXPECT_LT(kolmogorov_distance(values, [](double x) { return x; }), kolmogorov_limit);
}

TEST(FillNormal, IsNormal) {
    const std::vector<float> values = normals({1, Purpose::posterior, 0}, 0, 0, 1000000);
    double moments[5] = {};
    for (const float x : values)
        for (int power = 1; power <= 4; ++power) moments[power] += std::pow(static_cast<double>(x), power) / 1e6;
    // Four standard errors of each moment: sqrt(var(x^p) / n), var(x^p) = 1, 2, 15, 96.
    EXPECT_NEAR(moments[1], 0, 4e-3);
    EXPECT_NEAR(moments[2], 1, 4e-3 * std::sqrt(2));
    EXPECT_NEAR(moments[3], 0, 4e-3 * std::sqrt(15));
    EXPECT_NEAR(moments[4], 3, 4e-3 * std::sqrt(96));
    EXPECT_LT(kolmogorov_distance(values, normal_distribution), kolmogorov_limit);
    EXPECT_GT(*std::ranges::max_element(values), 4.4f); // 1e6 normals reach beyond with probability 0.995
    EXPECT_LT(*std::ranges::max_element(values), 6.7f);
}

/// The first dimension over samples, draws and epochs is a sample of the distribution as well.
TEST(RandomNumbers, AreUniformAlongEveryCoordinate) {
    constexpr std::uint32_t count = 100000;
    const auto along = [&](const std::function<float(std::uint32_t)>& at) {
        std::vector<float> values(count);
        for (std::uint32_t i = 0; i < count; ++i) values[i] = at(i);
        return kolmogorov_distance(values, [](double x) { return x; });
    };
    const auto first = [](std::uint32_t seed, std::uint32_t purpose, std::uint32_t epoch, std::uint64_t sample,
                          std::uint32_t draw) {
        return uniforms({seed, static_cast<Purpose>(purpose), epoch}, sample, draw, 1)[0];
    };
    EXPECT_LT(along([&](std::uint32_t i) { return first(i, 3, 0, 0, 0); }), kolmogorov_limit) << "seeds";
    EXPECT_LT(along([&](std::uint32_t i) { return first(1, i, 0, 0, 0); }), kolmogorov_limit) << "purposes";
    EXPECT_LT(along([&](std::uint32_t i) { return first(1, 3, i, 0, 0); }), kolmogorov_limit) << "epochs";
    EXPECT_LT(along([&](std::uint32_t i) { return first(1, 3, 0, i, 0); }), kolmogorov_limit) << "samples";
    EXPECT_LT(along([&](std::uint32_t i) { return first(1, 3, 0, 0, i); }), kolmogorov_limit) << "draws";
}

TEST(RandomNumbers, OfNeighbouringAddressesAreUncorrelated) {
    constexpr std::size_t count = 200000;
    const Stream base{1, Purpose::posterior, 4};
    const std::vector<float> numbers = normals(base, 10, 2, count);
    const double limit = 4 / std::sqrt(static_cast<double>(count)); // four standard errors
    EXPECT_LT(std::abs(correlation(numbers, normals({2, Purpose::posterior, 4}, 10, 2, count))), limit);
    EXPECT_LT(std::abs(correlation(numbers, normals({1, Purpose::validation_binarize, 4}, 10, 2, count))), limit);
    EXPECT_LT(std::abs(correlation(numbers, normals({1, Purpose::posterior, 5}, 10, 2, count))), limit);
    EXPECT_LT(std::abs(correlation(numbers, normals(base, 11, 2, count))), limit);
    EXPECT_LT(std::abs(correlation(numbers, normals(base, 10 + (std::uint64_t{1} << 32), 2, count))), limit);
    EXPECT_LT(std::abs(correlation(numbers, normals(base, 10, 3, count))), limit);
    for (const std::ptrdiff_t lag : {1, 2, 3, 4, 8, 256}) {
        const std::vector<float> head(numbers.begin(), numbers.end() - lag), tail(numbers.begin() + lag, numbers.end());
        EXPECT_LT(std::abs(correlation(head, tail)), limit) << "dimensions " << lag << " apart";
    }
}

TEST(RandomNumbers, DifferentAddressesGiveDifferentNumbers) {
    std::set<std::vector<float>> seen;
    const auto list = addresses();
    for (const auto& [stream, sample, draw] : list) seen.insert(uniforms(stream, sample, draw, 4));
    EXPECT_EQ(seen.size(), list.size());
}

TEST(Uniform, IsMadeOfTheFirstTwoWords) {
    const Stream stream{1, Purpose::mixture, 0};
    double sum = 0, squares = 0;
    for (std::uint64_t sample = 0; sample < 10000; ++sample) {
        const double u = uniform(stream, sample, 7);
        const auto words = random_words(stream, sample, 7, 0);
        ASSERT_NEAR(u, words[0] * 0x1p-32 + words[1] * 0x1p-64, 0x1p-53);
        ASSERT_LT(u, 1);
        sum += u;
        squares += u * u;
    }
    EXPECT_NEAR(sum / 10000, 0.5, 5 * std::sqrt(1.0 / 12 / 10000)); // five standard errors
    EXPECT_NEAR(squares / 10000, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / 10000));
}

TEST(Binarize, ComparesWithTheUniformNumbers) {
    on_every_target([] {
        const Stream stream{1, Purpose::binarize, 3};
        std::vector<float> x(784);
        for (std::size_t d = 0; d < x.size(); ++d) x[d] = static_cast<float>(d % 256) / 255;
        const std::vector<float> uniform = uniforms(stream, 17, 0, x.size());
        std::vector<float> binary = x;
        binarize(stream, 17, binary);
        for (std::size_t d = 0; d < x.size(); ++d) ASSERT_EQ(binary[d], uniform[d] < x[d] ? 1.0f : 0.0f) << d;
        const std::vector<float> others = uniforms(stream, 17, 5, x.size());
        binary = x;
        binarize(stream, 17, binary, 5);
        for (std::size_t d = 0; d < x.size(); ++d) ASSERT_EQ(binary[d], others[d] < x[d] ? 1.0f : 0.0f) << d;
    });
}

TEST(Binarize, LeavesBlackAndWhiteAsTheyAre) {
    for (std::uint64_t sample = 0; sample < 1000; ++sample) {
        std::vector<float> x(100);
        std::fill_n(x.begin(), 50, 1.0f);
        const std::vector<float> before = x;
        binarize({1, Purpose::binarize, 0}, sample, x);
        ASSERT_EQ(x, before);
    }
}

TEST(FillNormalRows, GivesEachSampleItsOwn) {
    const Stream stream{8, Purpose::posterior, 1};
    const std::vector<std::uint64_t> samples = {4, 0, 1000000000000, 4};
    std::vector<float> memory(100, 9.0f);
    fill_normal_rows(stream, samples, 2, Matrix<float>(memory.data(), 4, 20, 25));
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const std::vector<float> expected = normals(stream, samples[i], 2, 20);
        for (std::size_t d = 0; d < 25; ++d) EXPECT_EQ(memory[i * 25 + d], d < 20 ? expected[d] : 9.0f);
    }
    EXPECT_THROW(fill_normal_rows(stream, samples, 0, Matrix<float>(memory.data(), 3, 20)), Error);
}

} // namespace
} // namespace elbo
