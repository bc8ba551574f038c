// What is done to samples: each step against its formula, shapes and ranges, noise that is addressed.
#include "data/transform.hpp"

#include "base/error.hpp"
#include "support/files.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

namespace elbo::data {
namespace {

using config::Settings;
using elbo::test::step;
using elbo::testing::message_of;

Settings crop(const std::string& size, const std::string& place = "middle") {
    return step("crop", {{"crop", size}, {"place", place}});
}

Settings standardise(const std::string& over, const std::string& figures = "computed") {
    return step("standardise", {{"figures", figures}, {"over", over}, {"floor", 1e-3}});
}

std::vector<float> counting(std::size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 0.0F);
    return values;
}

std::vector<float> applied(const Transform& transform, std::vector<float> values, const Stream* noise = nullptr,
                           std::uint64_t sample = 0) {
    transform.apply(values, noise, sample);
    values.resize(elements(transform.shape()));
    return values;
}

Transform transform_of(std::vector<Settings> steps, const Shape& shape) { return Transform(steps, shape); }

TEST(Transform, StepsAreTheirFormulasInOrder) {
    const Transform transform = transform_of({step("scale", {{"scale", 2.0}, {"offset", std::int64_t{1}}}),
                                              step("log1p"), step("clip", {{"least", 0.8}, {"greatest", 2.0}})},
                                             {4});
    const std::vector<float> found = applied(transform, {0, 1, 2, 3});
    EXPECT_FLOAT_EQ(found[0], 0.8F);
    EXPECT_FLOAT_EQ(found[1], std::log(4.0F));
    EXPECT_FLOAT_EQ(found[2], std::log(6.0F));
    EXPECT_FLOAT_EQ(found[3], 2);
    const Interval range = transform.after({0, 3});
    EXPECT_NEAR(range.least, 0.8, 1e-7);
    EXPECT_NEAR(range.greatest, 2, 1e-7);
    EXPECT_FALSE(transform.is_random());
}

TEST(Transform, CropsTheMiddle) {
    const Transform transform = transform_of({crop("[2, 2]")}, {4, 5});
    EXPECT_EQ(transform.shape(), (Shape{2, 2}));
    EXPECT_EQ(applied(transform, counting(20)), (std::vector<float>{6, 7, 11, 12}));
    const Transform colour = transform_of({crop("[1, 2]")}, {3, 3, 2});
    EXPECT_EQ(colour.shape(), (Shape{1, 2, 2}));
    EXPECT_EQ(applied(colour, counting(18)), (std::vector<float>{6, 7, 8, 9}));
}

TEST(Transform, RandomCropsAreAllPartsAboutAsOften) {
    const Transform transform = transform_of({crop("[2, 3]", "random")}, {4, 5});
    EXPECT_TRUE(transform.is_random());
    const Stream noise{1, Purpose::augmentation, 3};
    std::map<float, int> corners;
    constexpr int samples = 9000;
    for (int sample = 0; sample < samples; ++sample) {
        const std::vector<float> found = applied(transform, counting(20), &noise, static_cast<std::uint64_t>(sample));
        const float corner = found[0];
        EXPECT_EQ(found, (std::vector<float>{corner, corner + 1, corner + 2, corner + 5, corner + 6, corner + 7}));
        ++corners[corner];
    }
    ASSERT_EQ(corners.size(), 9u); // three rows by three columns
    for (const auto& [corner, count] : corners) EXPECT_NEAR(count, samples / 9, 5 * std::sqrt(samples / 9.0)) << corner;
    EXPECT_EQ(applied(transform, counting(20)), (std::vector<float>{6, 7, 8, 11, 12, 13}));
}

TEST(Transform, FlipsAreAddressed) {
    const Transform transform = transform_of({step("flip", {{"flip", std::string("horizontal")}})}, {2, 3, 2});
    const std::vector<float> plain = counting(12), flipped = {4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7};
    const Stream first{1, Purpose::augmentation, 0}, second{1, Purpose::augmentation, 1};
    int flips = 0, changes = 0;
    constexpr int samples = 1000;
    for (int sample = 0; sample < samples; ++sample) {
        const auto number = static_cast<std::uint64_t>(sample);
        const std::vector<float> found = applied(transform, plain, &first, number);
        EXPECT_TRUE(found == plain || found == flipped);
        EXPECT_EQ(applied(transform, plain, &first, number), found);
        flips += found == flipped;
        changes += found != applied(transform, plain, &second, number);
    }
    // Deviation of so many coins: 15.8.
    EXPECT_NEAR(flips, samples / 2, 80);
    EXPECT_NEAR(changes, samples / 2, 80);
    EXPECT_EQ(applied(transform, plain), plain);

    const Transform vertical = transform_of({step("flip", {{"flip", std::string("vertical")}})}, {2, 2});
    bool seen = false;
    for (std::uint64_t sample = 0; sample < 50; ++sample)
        seen = seen || applied(vertical, {0, 1, 2, 3}, &first, sample) == std::vector<float>{2, 3, 0, 1};
    EXPECT_TRUE(seen);
}

TEST(Transform, StandardisesByElementChannelOrAll) {
    const std::vector<float> rows = {1, 10, 3, 20, 5, 60, 7, 80}; // two samples of (1, 2, 2)
    for (const char* over : {"element", "channel", "all"}) {
        Transform transform =
            transform_of({step("scale", {{"scale", 2.0}, {"offset", 0.0}}), standardise(over)}, {1, 2, 2});
        ASSERT_EQ(transform.standardises(), 1u);
        ASSERT_EQ(transform.standardised_elements(), 4u);
        Statistics statistics(4);
        std::vector<float> values = rows;
        for (std::size_t row = 0; row < 2; ++row) {
            const std::span<float> sample = std::span(values).subspan(4 * row, 4);
            transform.apply_first(1, sample, nullptr, row);
            statistics.add(storage::ElementType::f32, std::as_bytes(sample));
        }
        transform.standardise_by(statistics.moments());
        std::vector<float> all;
        for (std::size_t row = 0; row < 2; ++row) {
            const std::vector<float> found = applied(
                transform, {rows.begin() + 4 * static_cast<long>(row), rows.begin() + 4 * static_cast<long>(row + 1)});
            all.insert(all.end(), found.begin(), found.end());
        }
        const std::size_t groups = over == std::string("element") ? 4 : over == std::string("channel") ? 2 : 1;
        for (std::size_t group = 0; group < groups; ++group) {
            double sum = 0, squares = 0;
            for (std::size_t i = group; i < 8; i += groups) {
                sum += all[i];
                squares += static_cast<double>(all[i]) * all[i];
            }
            const double count = 8.0 / static_cast<double>(groups);
            EXPECT_NEAR(sum / count, 0, 1e-6) << over; // floats near 1
            EXPECT_NEAR(squares / count, 1, 1e-6) << over;
        }
        const Interval range = transform.after({1, 80});
        for (const float value : all) {
            EXPECT_GE(value, range.least - 1e-6);
            EXPECT_LE(value, range.greatest + 1e-6);
        }
    }
}

TEST(Transform, StoredFiguresPassThroughLinearSteps) {
    // Of samples of (3, 4): means and variances that tell elements apart, and steps that mirror in training only.
    const std::vector<Settings> before = {step("scale", {{"scale", -2.0}, {"offset", 5.0}}), crop("[2, 2]", "random"),
                                          step("flip", {{"flip", std::string("both")}})};
    std::vector<Settings> steps = before;
    steps.push_back(standardise("element", "stored"));
    Transform transform(steps, Shape{3, 4});
    EXPECT_TRUE(transform.standardises_by_stored());
    EXPECT_FALSE(transform_of({standardise("element")}, {3}).standardises_by_stored());
    EXPECT_EQ(transform_of({standardise("element")}, {3}).fingerprint(), "");
    Moments samples{std::vector<double>(12), std::vector<double>(12)};
    for (std::size_t j = 0; j < 12; ++j) {
        samples.mean[j] = static_cast<double>(j);
        samples.variance[j] = static_cast<double>(j + 1);
    }
    const Moments there = transform.moments_there(samples);
    EXPECT_EQ(there.mean, (std::vector<double>{3, 1, -5, -7})); // 5 - 2 * {1, 2, 5, 6}, the middle
    EXPECT_EQ(there.variance, (std::vector<double>{8, 12, 24, 28}));
    transform.standardise_by(there);
    // A sample one deviation above the mean.
    std::vector<float> values(12);
    for (std::size_t j = 0; j < 12; ++j)
        values[j] = static_cast<float>(samples.mean[j] + std::sqrt(samples.variance[j]));
    for (const float value : applied(transform, values)) EXPECT_NEAR(value, -1, 1e-6); // turned by the scale
    const std::string fingerprint = transform.fingerprint();
    samples.variance[5] += 0.1;
    transform.standardise_by(transform.moments_there(samples));
    EXPECT_NE(transform.fingerprint(), fingerprint);
}

TEST(Transform, WhatDoesNotFitIsRefusedByName) {
    const auto refusal = [](std::vector<Settings> steps, const Shape& shape) {
        return message_of<InputError>([&] { Transform(steps, shape); });
    };
    EXPECT_CONTAINS(refusal({crop("[9, 2]")}, {8, 8}), "test:1: data.transform: crop keeps");
    EXPECT_CONTAINS(refusal({crop("[9, 2]")}, {8, 8}), "at most [8, 8], found [9, 2]");
    EXPECT_CONTAINS(refusal({crop("[4, 4]"), crop("[5, 4]")}, {8, 8}), "at most [4, 4]");
    EXPECT_CONTAINS(refusal({step("flip", {{"flip", std::string("both")}})}, {784}), "takes images (H, W)");
    EXPECT_CONTAINS(refusal({standardise("channel")}, {784}), "takes images");
    EXPECT_CONTAINS(refusal({standardise("all"), standardise("all")}, {784}), "twice");
    EXPECT_CONTAINS(refusal({step("log1p"), standardise("all", "stored")}, {784}),
                    "test:1: data.transform: standardise by stored figures stands behind log1p or clip");
    EXPECT_CONTAINS(refusal({step("clip", {{"least", 1.0}, {"greatest", 1.0}})}, {784}), "least below greatest");
    const std::vector<Settings> log = {step("log1p")};
    EXPECT_CONTAINS(message_of<InputError>([&] { static_cast<void>(Transform(log, {3}).after({-2, 1})); }), "above -1");
}

} // namespace
} // namespace elbo::data
