// Normalisation on every instruction set: against its formula in double, in bf16 the rounded bits of floats, and sums
// of matrices.
#include "numerics/every_target.hpp"
#include "numerics/normalize.hpp"
#include "support/gradient_check.hpp"
#include "support/rounded.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace elbo;
using test::rounded;
using test::widened;

constexpr std::size_t slabs = 3;
constexpr float epsilon = 1e-3f;

struct Case {
    NormalizedGroups groups;
    std::size_t rows() const { return slabs * groups.places; }
    std::size_t size() const { return rows() * groups.channels; }
};

/// Channels in a vector's body and its tail, places in several partial sums, one place, one channel a group.
const Case cases[] = {{{1, 40, 1}}, {{150, 6, 2}}, {{9, 32, 4}}, {{7, 17, 17}}, {{4, 1, 1}}};

struct Arrays {
    std::vector<float> x, gain, bias, diff_y;
    explicit Arrays(const Case& c)
        : x(test::random_values(c.size(), 2, 1)),
          gain(test::random_values(c.groups.channels, 1, 2)),
          bias(test::random_values(c.groups.channels, 1, 3)),
          diff_y(test::random_values(c.size(), 1, 4)) {
        x = widened(rounded(x));
        diff_y = widened(rounded(diff_y));
    }
};

template <class T>
struct Result {
    std::vector<T> y, diff_x;
    std::vector<float> statistics, diff_gain;
};

template <class T>
Result<T> run(const Case& c, const Arrays& a, const std::vector<T>& x, const std::vector<T>& diff_y) {
    const std::size_t rows = c.rows(), channels = c.groups.channels;
    Result<T> r{std::vector<T>(c.size()), std::vector<T>(c.size()), std::vector<float>(slabs * c.groups.statistics()),
                std::vector<float>(channels, 99)};
    std::vector<float> scratch(c.groups.scratch());
    const Matrix<float> statistics(r.statistics.data(), slabs, c.groups.statistics());
    normalize(c.groups, epsilon, a.gain, a.bias, ConstAnyMatrix(x.data(), rows, channels), {r.y.data(), rows, channels},
              statistics, scratch);
    backpropagate_normalize(c.groups, a.gain, ConstAnyMatrix(x.data(), rows, channels), statistics,
                            ConstAnyMatrix(diff_y.data(), rows, channels), {r.diff_x.data(), rows, channels},
                            r.diff_gain, scratch);
    return r;
}

/// The formulas, element by element.
struct Reference {
    std::vector<double> y, diff_x, diff_gain;

    Reference(const Case& c, const Arrays& a) : y(c.size()), diff_x(c.size()), diff_gain(c.groups.channels) {
        for (std::size_t slab = 0; slab < slabs; ++slab)
            for (std::size_t g = 0; g < c.groups.groups; ++g) add_group(c, a, slab, g);
    }

private:
    void add_group(const Case& c, const Arrays& a, std::size_t slab, std::size_t g) {
        const std::size_t channels = c.groups.channels, each = channels / c.groups.groups;
        std::vector<std::size_t> at;
        for (std::size_t place = 0; place < c.groups.places; ++place)
            for (std::size_t k = 0; k < each; ++k)
                at.push_back((slab * c.groups.places + place) * channels + g * each + k);
        const auto n = static_cast<double>(at.size());
        double mean = 0, variance = 0, d_mean = 0, dh_mean = 0;
        for (const std::size_t i : at) mean += a.x[i] / n;
        for (const std::size_t i : at) variance += (a.x[i] - mean) * (a.x[i] - mean) / n;
        const double r = 1 / std::sqrt(variance + epsilon);
        const auto normal = [&](std::size_t i) { return (a.x[i] - mean) * r; };
        const auto d = [&](std::size_t i) { return static_cast<double>(a.diff_y[i]) * a.gain[i % channels]; };
        for (const std::size_t i : at) {
            y[i] = normal(i) * a.gain[i % channels] + a.bias[i % channels];
            diff_gain[i % channels] += a.diff_y[i] * normal(i);
            d_mean += d(i) / n;
            dh_mean += d(i) * normal(i) / n;
        }
        for (const std::size_t i : at) diff_x[i] = r * (d(i) - d_mean - normal(i) * dh_mean);
    }
};

TEST(Normalize, AgreesWithItsFormulaInDouble) {
    on_every_target([] {
        for (const Case& c : cases) {
            const Arrays a(c);
            const Result<float> found = run(c, a, a.x, a.diff_y);
            const Reference expected(c, a);
            for (std::size_t i = 0; i < c.size(); ++i) {
                ASSERT_NEAR(found.y[i], expected.y[i], 4e-6) << i;
                ASSERT_NEAR(found.diff_x[i], expected.diff_x[i], 2e-5) << i;
            }
            for (std::size_t i = 0; i < c.groups.channels; ++i)
                ASSERT_NEAR(found.diff_gain[i], expected.diff_gain[i], 1e-4) << i;
        }
    });
}

TEST(Normalize, GivesTheRoundedBitsOfFloatsInBf16) {
    on_every_target([] {
        for (const Case& c : cases) {
            const Arrays a(c);
            const Result<float> floats = run(c, a, a.x, a.diff_y);
            const Result<BFloat16> found = run(c, a, rounded(a.x), rounded(a.diff_y));
            EXPECT_EQ(found.y, rounded(floats.y));
            EXPECT_EQ(found.diff_x, rounded(floats.diff_x));
            EXPECT_EQ(found.statistics, floats.statistics);
            EXPECT_EQ(found.diff_gain, floats.diff_gain);
        }
    });
}

TEST(Add, SumsInFloatWhateverTheOperandsAre) {
    on_every_target([] {
        const std::vector<float> a = widened(rounded(test::random_values(3 * 37, 2, 1)));
        const std::vector<float> b = test::random_values(3 * 37, 2, 2);
        std::vector<float> sum(a.size());
        std::vector<BFloat16> narrow = rounded(a);
        const ConstAnyMatrix right(b.data(), 3, 37);
        add(ConstAnyMatrix(narrow.data(), 3, 37), right, {sum.data(), 3, 37});
        for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(sum[i], a[i] + b[i]);
        add(ConstAnyMatrix(narrow.data(), 3, 37), right, {narrow.data(), 3, 37}); // into an operand
        EXPECT_EQ(narrow, rounded(sum));
    });
    std::vector<float> small(4), large(6);
    EXPECT_ANY_THROW(add(ConstAnyMatrix(small.data(), 2, 2), ConstAnyMatrix(large.data(), 2, 3), {small.data(), 2, 2}));
}

} // namespace
