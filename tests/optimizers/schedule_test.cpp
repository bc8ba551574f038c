// Schedules of the rate and of the KL weight, at points that can be worked out by hand.
#include "optimizers/optimizer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace elbo::optimizers {
namespace {

using Values = std::map<std::string, config::Settings::Value, std::less<>>;

Rate rate(const std::string& decay, Values values = {}, std::size_t warmup = 0) {
    config::Optimizer settings;
    settings.rate = 0.1;
    settings.warmup = warmup;
    settings.decay = {decay, "", std::move(values)};
    return Rate(settings);
}

Progress at(std::uint64_t step) { return {step, 10, 110}; }

TEST(Rate, RisesLinearlyToTheRateAndStays) {
    const Rate constant = rate("constant", {}, 4);
    EXPECT_DOUBLE_EQ(constant.at(at(0)), 0.025);
    EXPECT_DOUBLE_EQ(constant.at(at(1)), 0.05);
    EXPECT_DOUBLE_EQ(constant.at(at(3)), 0.1);
    EXPECT_DOUBLE_EQ(constant.at(at(4)), 0.1);
    EXPECT_DOUBLE_EQ(constant.at(at(109)), 0.1);
    EXPECT_DOUBLE_EQ(rate("constant").at(at(0)), 0.1);
}

TEST(Rate, CosineFallsFromTheWarmupsEndToTheLastStep) {
    const Rate cosine = rate("cosine", {{"final", 0.2}}, 10);
    EXPECT_DOUBLE_EQ(cosine.at(at(10)), 0.1);
    EXPECT_NEAR(cosine.at(at(60)), 0.06, 1e-15); // half way between 0.1 and 0.02
    EXPECT_NEAR(cosine.at(at(35)), 0.02 + 0.08 * 0.5 * (1 + std::numbers::sqrt2 / 2), 1e-15);
    EXPECT_NEAR(cosine.at(at(110)), 0.02, 1e-15);
    EXPECT_NEAR(cosine.at(at(500)), 0.02, 1e-15);
}

TEST(Rate, StepsEverySoManyEpochs) {
    const Rate step = rate("step", {{"every", std::int64_t{3}}, {"factor", 0.5}});
    EXPECT_DOUBLE_EQ(step.at(at(29)), 0.1);
    EXPECT_DOUBLE_EQ(step.at(at(30)), 0.05);
    EXPECT_DOUBLE_EQ(step.at(at(59)), 0.05);
    EXPECT_DOUBLE_EQ(step.at(at(60)), 0.025);
}

TEST(Rate, ExponentialLosesItsFactorAnEpoch) {
    const Rate exponential = rate("exponential", {{"factor", 0.81}});
    EXPECT_DOUBLE_EQ(exponential.at(at(0)), 0.1);
    EXPECT_NEAR(exponential.at(at(5)), 0.09, 1e-15);
    EXPECT_NEAR(exponential.at(at(10)), 0.081, 1e-15);
}

TEST(Rate, PlateauWaitsForItsPatience) {
    Rate plateau = rate("plateau", {{"factor", 0.5}, {"patience", std::int64_t{2}}, {"improvement", 0.5}});
    const auto after = [&](double elbo) {
        plateau.observe(elbo);
        return plateau.at(at(50));
    };
    EXPECT_DOUBLE_EQ(after(-100), 0.1);
    EXPECT_DOUBLE_EQ(after(-99.6), 0.1); // better, by too little: waits 1
    EXPECT_DOUBLE_EQ(after(-98), 0.1);   // better: waits 0
    EXPECT_DOUBLE_EQ(after(-99), 0.1);   // waits 1
    EXPECT_DOUBLE_EQ(after(-98), 0.05);  // waits 2: reduced
    EXPECT_DOUBLE_EQ(after(-98), 0.05);
    EXPECT_DOUBLE_EQ(after(-98), 0.025);

    Rate resumed = rate("plateau", {{"factor", 0.5}, {"patience", std::int64_t{2}}, {"improvement", 0.5}});
    resumed.plateau() = plateau.plateau();
    EXPECT_DOUBLE_EQ(resumed.at(at(50)), 0.025);
    EXPECT_EQ(resumed.plateau().best, -98);
}

TEST(Rate, OtherDecaysForgetWhatTheyObserve) {
    Rate constant = rate("constant");
    for (int i = 0; i < 100; ++i) constant.observe(-100);
    EXPECT_DOUBLE_EQ(constant.at(at(50)), 0.1);
    EXPECT_FALSE(constant.plateau().any);
}

TEST(Rate, TableHasTheFiveDecays) {
    std::vector<std::string_view> names;
    for (const config::Kind& kind : decay_kinds()) names.push_back(kind.name);
    EXPECT_EQ(names, (std::vector<std::string_view>{"constant", "cosine", "step", "exponential", "plateau"}));
}

TEST(KlWeight, RisesFromZeroOverItsEpochs) {
    EXPECT_DOUBLE_EQ(kl_weight({4, 0}, at(0)), 4);
    EXPECT_DOUBLE_EQ(kl_weight({4, 2}, at(0)), 0);
    EXPECT_DOUBLE_EQ(kl_weight({4, 2}, at(5)), 1);
    EXPECT_DOUBLE_EQ(kl_weight({4, 2}, at(20)), 4);
    EXPECT_DOUBLE_EQ(kl_weight({4, 2}, at(90)), 4);
    EXPECT_DOUBLE_EQ(kl_weight({1, 0.5}, at(1)), 0.2);
}

} // namespace
} // namespace elbo::optimizers
