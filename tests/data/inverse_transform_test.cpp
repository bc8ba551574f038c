// Undoing data.transform: back to the values that went through it, and what cannot be undone.
#include "base/error.hpp"
#include "data/inverse_transform.hpp"
#include "data/transform.hpp"
#include "support/files.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace elbo::data {
namespace {

using config::Settings;
using elbo::test::step;
using elbo::testing::message_of;

Settings standardise(const std::string& over) {
    return step("standardise", {{"figures", std::string("computed")}, {"over", over}, {"floor", 1e-3}});
}

Settings crop() { return step("crop", {{"crop", std::string("[1, 2]")}, {"place", std::string("middle")}}); }

TEST(InverseTransform, GivesBackWhatWentIn) {
    const Moments figures{{3, 5, 7, 9}, {1, 4, 9, 0}};
    for (const char* const over : {"element", "all"}) {
        const std::vector<Settings> steps = {step("scale", {{"scale", 0.5}, {"offset", 2.0}}), standardise(over),
                                             step("scale", {{"scale", 0.1}, {"offset", 1.0}}), step("log1p"),
                                             step("clip", {{"least", -100.0}, {"greatest", 100.0}})};
        Transform transform(steps, {4});
        transform.standardise_by(figures);
        std::vector<float> values = {4, 6, 8, 14.004F};
        const std::vector<float> scaled = values;
        transform.apply(values, nullptr, 0);
        EXPECT_NE(values, scaled);
        InverseTransform(steps, {4}, figures, 0.25).apply(values);
        for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], scaled[i] / 0.25, 1e-3) << over << i;
    }
}

TEST(InverseTransform, KnowsTheChannelsOfWhatACropLeaves) {
    const Moments figures{{0, 10, 0, 10, 0, 10}, {1, 4, 1, 4, 1, 4}}; // 1 x 3 x 2, cropped to 1 x 2 x 2
    const std::vector<Settings> steps = {standardise("channel"), crop(), step("flip", {{"flip", std::string("both")}})};
    std::vector<float> values = {1, 1, -1, -1};
    InverseTransform(steps, {1, 2, 2}, figures, 1).apply(values);
    EXPECT_EQ(values, (std::vector<float>{1, 12, -1, 8}));
}

TEST(InverseTransform, NamesWhatCannotBeUndone) {
    const auto refusal = [](const std::vector<Settings>& steps, const std::optional<Moments>& figures) {
        return message_of<InputError>([&] { InverseTransform(steps, {1, 2}, figures, 1); });
    };
    const Moments figures{{1, 1}, {1, 1}};
    EXPECT_NE(refusal({step("scale", {{"scale", 0.0}, {"offset", 0.0}})}, {}).find("scale by 0"), std::string::npos);
    EXPECT_NE(refusal({standardise("all")}, {}).find("does not hold its figures"), std::string::npos);
    EXPECT_NE(refusal({standardise("element"), crop()}, figures).find("crop behind standardise"), std::string::npos);
    EXPECT_NO_THROW(InverseTransform(std::vector{crop(), standardise("element")}, {1, 2}, figures, 1));
}

} // namespace
} // namespace elbo::data
