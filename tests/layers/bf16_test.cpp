// Activations and the dense layer on bf16 memory: a kernel gives the bits of its fp32 sibling on the same numbers,
// rounded.
#include "layers/dense.hpp"
#include "numerics/every_target.hpp"
#include "support/gradient_check.hpp"
#include "support/rounded.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

namespace elbo::layers {
namespace {

using test::rounded;
using test::widened;

class EveryActivationInBf16 : public testing::TestWithParam<ActivationKind> {};

/// Rows of 37: a body, a tail; six rows: a group and what is left.
TEST_P(EveryActivationInBf16, GivesTheRoundedBitsOfFloats) {
    constexpr std::size_t rows = 6, columns = 37;
    const Activation activation = GetParam().activation;
    const bool keeps = GetParam().keeps_slope;
    on_every_target([&] {
        for (const bool with_bias : {false, true}) {
            std::vector<BFloat16> out = rounded(test::random_values(rows * columns, 8, 1)), slope(out.size());
            std::vector<float> floats = widened(out), float_slope(out.size());
            const std::vector<float> bias = test::random_values(with_bias ? columns : 0, 1, 2);
            activate(activation, bias, {out.data(), rows, columns},
                     keeps ? AnyMatrix(slope.data(), rows, columns) : AnyMatrix());
            activate(activation, bias, {floats.data(), rows, columns},
                     keeps ? AnyMatrix(float_slope.data(), rows, columns) : AnyMatrix());
            EXPECT_EQ(out, rounded(floats));
            if (keeps) {
                EXPECT_EQ(slope, rounded(float_slope));
            }

            std::vector<BFloat16> diff = rounded(test::random_values(rows * columns, 2, 3));
            std::vector<float> float_diff = widened(diff), diff_bias(columns, 99), float_diff_bias(columns, 99);
            const std::vector<BFloat16>& kept = keeps ? slope : out;
            const std::vector<float> float_kept = widened(kept);
            backpropagate_activation(activation, ConstAnyMatrix(kept.data(), rows, columns),
                                     {diff.data(), rows, columns}, diff_bias);
            backpropagate_activation(activation, ConstAnyMatrix(float_kept.data(), rows, columns),
                                     {float_diff.data(), rows, columns}, float_diff_bias);
            EXPECT_EQ(diff, rounded(float_diff));
            EXPECT_EQ(diff_bias, float_diff_bias) << "the bias's gradient is of what is not rounded yet";
        }
    });
}

INSTANTIATE_TEST_SUITE_P(Table, EveryActivationInBf16,
                         testing::ValuesIn(activation_kinds().begin(), activation_kinds().end()),
                         [](const auto& row) { return std::string(row.param.schema.name); });

TEST(FindNotFinite, LooksIntoBf16) {
    std::vector<float> numbers(12, 1);
    numbers[7] = -std::numeric_limits<float>::infinity();
    const std::vector<BFloat16> stored = rounded(numbers);
    const auto found = find_not_finite("z", ConstAnyMatrix(stored.data(), 3, 4));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->row, 1U);
    EXPECT_EQ(describe_value(*found), "-inf");
    EXPECT_FALSE(find_not_finite("z", ConstAnyMatrix(stored.data(), 1, 4)));
}

} // namespace
} // namespace elbo::layers
