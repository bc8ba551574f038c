// Means and variances that stand beside datasets: those of all rows of several files, and what is refused.
#include "data/stored_moments.hpp"

#include "base/error.hpp"
#include "support/files.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace elbo::data {
namespace {

using elbo::testing::message_of;
using elbo::testing::TemporaryFolder;

constexpr std::size_t width = 6; ///< 2 x 3

/// Rows of a slow wave, which differ from file to file.
std::vector<float> wave(std::size_t begin, std::size_t rows) {
    std::vector<float> values(rows * width);
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = 100 + std::sin(0.1F * static_cast<float>(begin * width + i)) * static_cast<float>(1 + i % width);
    return values;
}

Moments moments_of(std::span<const float> values) {
    Statistics statistics(width);
    statistics.add(storage::ElementType::f32, std::as_bytes(values));
    return statistics.moments();
}

/// A file with /x and what is said to be stored of it.
storage::Location write(const std::filesystem::path& path, std::span<const float> values, const Moments& moments,
                        const Shape& sample = {2, 3}, const std::string& rows = "") {
    storage::DatasetFileWriter out(path);
    out.create("/x", {values.size() / width, 2, 3}, storage::ElementType::f32);
    out.write_rows("/x", 0, values.size() / width, std::as_bytes(values));
    for (const auto& [name, figures] :
         {std::pair{"/stats/x/mean", &moments.mean}, {"/stats/x/variance", &moments.variance}}) {
        out.create(name, sample, storage::ElementType::f64);
        out.write_rows(name, 0, sample[0], std::as_bytes(std::span(*figures)));
        if (!rows.empty()) out.attribute(name, "rows", rows);
    }
    out.commit();
    return {path, "/x"};
}

Moments stored(std::vector<storage::Location> files) {
    return stored_moments(storage::DatasetReader(std::move(files)).info(), storage::Outside::refused);
}

TEST(StoredMoments, OfSeveralFilesAreThoseOfAllRows) {
    const TemporaryFolder folder;
    const std::vector<float> all = wave(0, 70);
    const auto part = [&](std::size_t begin, std::size_t end) {
        return std::span(all).subspan(begin * width, (end - begin) * width);
    };
    std::vector<storage::Location> files;
    for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, 1}, {1, 20}, {20, 70}})
        files.push_back(write(folder / (std::to_string(begin) + ".h5"), part(begin, end), moments_of(part(begin, end)),
                              {2, 3}, std::to_string(end - begin)));
    const Moments found = stored(files), expected = moments_of(all), last = stored({files.back()});
    for (std::size_t j = 0; j < width; ++j) {
        EXPECT_NEAR(found.mean[j], expected.mean[j], 1e-10) << "doubles near 100";
        EXPECT_NEAR(found.variance[j], expected.variance[j], 1e-10);
        EXPECT_DOUBLE_EQ(last.mean[j], moments_of(part(20, 70)).mean[j]);
        EXPECT_DOUBLE_EQ(last.variance[j], moments_of(part(20, 70)).variance[j]);
    }
}

TEST(StoredMoments, WhatCannotBeTheirsIsRefusedByName) {
    const TemporaryFolder folder;
    const std::vector<float> values = wave(0, 10);
    const Moments right = moments_of(values);
    const auto refusal = [&](const Moments& moments, const Shape& sample = {2, 3}, const std::string& rows = "") {
        const storage::Location file = write(folder / "x.h5", values, moments, sample, rows);
        return message_of<InputError>([&] { stored({file}); });
    };
    EXPECT_CONTAINS(refusal(right, {3, 2}), "x.h5:/stats/x/mean is 3 x 2, but a sample of /x is 2 x 3");
    EXPECT_CONTAINS(refusal(right, {2, 3}, "9"), "/stats/x/mean is of 9 rows, but /x has 10");
    Moments wrong = right;
    wrong.mean[4] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_CONTAINS(refusal(wrong), "/stats/x/mean holds nan for element 4, expected finite numbers");
    wrong = right;
    wrong.variance[1] = -1;
    EXPECT_CONTAINS(refusal(wrong), "/stats/x/variance has a variance below 0");

    storage::DatasetFileWriter out(folder / "none.h5");
    out.create("/x", {10, 2, 3}, storage::ElementType::f32);
    out.write_rows("/x", 0, 10, std::as_bytes(std::span(values)));
    out.commit();
    const std::string missing = message_of<InputError>([&] { stored({{folder / "none.h5", "/x"}}); });
    EXPECT_CONTAINS(missing, "none.h5: no dataset /stats/x/mean; it holds /x (10 x 2 x 3, float32)");
    EXPECT_CONTAINS(missing, "none.h5 OUT.h5 --stats` stores them");
}

} // namespace
} // namespace elbo::data
