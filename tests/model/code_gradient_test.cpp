// Gradients by codes: of log p(x | z), of its observed elements alone, and of what is asked of decoded means.
#include "model/bench.hpp"

#include <gtest/gtest.h>

namespace elbo::model {
namespace {

using test::dense;

struct Decoders {
    std::string name;
    config::Model model;
};

/// Seven rows through a workspace of four.
class CodeGradient : public testing::TestWithParam<Decoders> {
protected:
    static constexpr std::size_t rows = 7, latent = 3;
    Bench bench{GetParam().model, {4, 4, 1}, 4, rows};
    std::vector<float> z = test::random_values(rows * latent, 1, 8), diff = std::vector<float>(rows * latent, 99);
    std::vector<float> observed = std::vector<float>(rows * 16);
    std::vector<double> out = std::vector<double>(rows);

    CodeGradient() {
        for (std::size_t i = 0; i < observed.size(); ++i) observed[i] = i % 3 == 0 || i < 16 ? 1 : 0;
    }
    Matrix<const float> codes() const { return {z.data(), rows, latent}; }
    Matrix<const float> mask() const { return {observed.data(), rows, 16}; }
    void gradient(Matrix<const float> where) {
        bench.vae.likelihood_gradient(bench.values, codes(), bench.batch().x, where, out, {diff.data(), rows, latent});
    }
    double total() const { return std::accumulate(out.begin(), out.end(), 0.0); }
    void check(const std::function<double()>& objective) {
        const std::vector<float> found = diff;
        test::check_gradient(objective, {{"z", z, found}}, {.step = 1.0 / 64});
    }
};

TEST_P(CodeGradient, OfTheLogLikelihoodAgreesWithDifferences) {
    gradient({});
    std::vector<double> alone(rows);
    bench.vae.log_likelihood(bench.values, codes(), bench.batch().x, alone);
    EXPECT_EQ(out, alone);
    check([&] {
        bench.vae.log_likelihood(bench.values, codes(), bench.batch().x, out);
        return total();
    });
}

TEST_P(CodeGradient, OfObservedElementsAgreesWithDifferences) {
    gradient(mask());
    const std::vector<float> found = diff;
    std::vector<double> scratch(rows);
    std::vector<float> nowhere(diff.size());
    test::check_gradient(
        [&] {
            bench.vae.likelihood_gradient(bench.values, codes(), bench.batch().x, mask(), scratch,
                                          {nowhere.data(), rows, latent});
            return std::accumulate(scratch.begin(), scratch.end(), 0.0);
        },
        {{"z", z, found}}, {.step = 1.0 / 64});
}

/// What is hidden does not matter, and where all is seen the mask is none.
TEST_P(CodeGradient, LooksAtObservedElementsAlone) {
    gradient(mask());
    const std::vector<double> before = out;
    const std::vector<float> gradient_before = diff;
    for (std::size_t i = 0; i < observed.size(); ++i)
        if (observed[i] == 0) bench.x[i] = 1 - bench.x[i];
    gradient(mask());
    EXPECT_EQ(out, before);
    EXPECT_EQ(diff, gradient_before);

    std::ranges::fill(observed, 1.0f);
    gradient(mask());
    const std::vector<double> all = out;
    const std::vector<float> gradient_of_all = diff;
    gradient({});
    for (std::size_t i = 0; i < rows; ++i) EXPECT_NEAR(out[i], all[i], 1e-4);
    for (std::size_t i = 0; i < diff.size(); ++i) EXPECT_NEAR(diff[i], gradient_of_all[i], 2e-5);
}

TEST_P(CodeGradient, OfAnObjectiveOfDecodedMeansAgreesWithDifferences) {
    const std::vector<float> weights = test::random_values(rows * 16, 1, 9);
    bench.vae.mean_gradient(bench.values, codes(),
                            [&](std::size_t first, Matrix<const float> mean, Matrix<float> diff_mean) {
                                ASSERT_EQ(mean.columns(), 16u);
                                for (std::size_t i = 0; i < mean.rows(); ++i)
                                    std::copy_n(&weights[(first + i) * 16], 16, diff_mean.row(i).begin());
                            },
                            {diff.data(), rows, latent});
    std::vector<float> mean(rows * 16);
    check([&] {
        bench.vae.decode(bench.values, codes(), {mean.data(), rows, 16});
        return test::weighted_sum(weights, mean);
    });
}

const std::vector<config::Settings> images = {
    dense(8, "tanh"),
    test::reshape("[2, 2, 2]"),
    test::convolution("deconv", 4, 4, 2, 1, "gelu"),
    test::residual({test::group_norm(2, "silu"), test::convolution("conv", 4, 3, 1, 1, "identity")}, "softplus"),
    test::dropout(0.5),
    test::layer_norm("tanh"),
};

INSTANTIATE_TEST_SUITE_P(
    Decoders, CodeGradient,
    testing::Values(Decoders{"bernoulli", settings(3, {}, {dense(8, "gelu"), dense(5, "sigmoid")}, test::bernoulli())},
                    Decoders{"gaussian", settings(3, {}, {dense(5, "softplus")}, test::gaussian(0.5))},
                    Decoders{"learned", settings(3, {}, {dense(5, "tanh")}, test::gaussian("learned"))},
                    Decoders{"images", settings(3, {}, images, test::bernoulli())},
                    Decoders{"linear", settings(3, {}, {}, test::gaussian(0.25))}),
    [](const auto& row) { return row.param.name; });

} // namespace
} // namespace elbo::model
