// Shapes, views and planned memory.
#include "base/error.hpp"
#include "numerics/memory.hpp"
#include "numerics/view.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace elbo {
namespace {

TEST(Shapes, ElementsAreTheProductOfExtents) {
    EXPECT_EQ(elements({}), 1u);
    EXPECT_EQ(elements({7}), 7u);
    EXPECT_EQ(elements({60000, 28, 28}), 47040000u);
    EXPECT_EQ(elements({std::size_t{1} << 31, std::size_t{1} << 31}), std::size_t{1} << 62);
}

TEST(Shapes, ProductsThatDoNotFitAreRefused) {
    const std::size_t large = std::size_t{1} << 32;
    EXPECT_THROW(elements({large, std::size_t{1} << 31}), Error);
    EXPECT_THROW(elements({large, large}), Error); // 2^64 would wrap round to 0
    EXPECT_THROW(elements({std::numeric_limits<std::size_t>::max()}), Error);
    EXPECT_EQ(elements({large, large, 0}), 0u);
    EXPECT_EQ(elements({0, large, large}), 0u);
}

TEST(Shapes, AreDescribedInWords) {
    EXPECT_EQ(describe({60000, 28, 28}), "60000 x 28 x 28");
    EXPECT_EQ(describe({5}), "5");
    EXPECT_EQ(describe({}), "a scalar");
}

TEST(MatrixView, AddressesRowsAtItsStride) {
    std::vector<float> memory(12);
    std::iota(memory.begin(), memory.end(), 0.0f);
    const Matrix<float> m(memory.data(), 3, 2, 4);
    EXPECT_FALSE(m.contiguous());
    EXPECT_EQ(m(2, 1), 9.0f);
    EXPECT_EQ(m.row(1)[0], 4.0f);
    EXPECT_EQ(m.row(1).size(), 2u);
    const Matrix<const float> right = Matrix<float>(memory.data(), 3, 4).some_columns(1, 3).first_rows(2);
    EXPECT_EQ(right.rows(), 2u);
    EXPECT_EQ(right.columns(), 3u);
    EXPECT_EQ(right(1, 2), 7.0f);
}

TEST(AlignedFloatsMemory, IsAlignedAndZero) {
    for (const std::size_t count : {1u, 17u, 1000u, 3000000u}) { // the last in large pages, where there are any
        AlignedFloats floats(count);
        ASSERT_EQ(floats.span().size(), count);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(floats.span().data()) % alignment, 0u);
        EXPECT_TRUE(std::ranges::all_of(floats.span(), [](float x) { return x == 0.0f; }));
        std::ranges::fill(floats.span(), 1.0f);
    }
    EXPECT_TRUE(AlignedFloats(0).span().empty());
}

TEST(AlignedFloatsMemory, SaysHowMuchThereIsNoMemoryFor) {
    try {
        AlignedFloats floats(std::size_t{1} << 60);
        FAIL() << "an exabyte of floats was allocated";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("1,152,921,504,606,846,976"), std::string::npos) << error.what();
    }
    EXPECT_THROW(AlignedFloats(std::numeric_limits<std::size_t>::max() / 2), Error); // the size in bytes would wrap
}

TEST(WorkspacePlan, PiecesAreAlignedAndApart) {
    Workspace workspace;
    const std::vector<std::size_t> counts = {1, 16, 17, 0, 100};
    std::vector<std::size_t> offsets;
    for (const std::size_t count : counts) offsets.push_back(workspace.plan(count));
    EXPECT_EQ(workspace.planned_bytes(), (16 + 16 + 32 + 0 + 112) * sizeof(float));
    EXPECT_THROW(workspace.at(offsets[0] + 1), Error); // not allocated yet
    workspace.allocate();
    for (std::size_t i = 0; i < counts.size(); ++i) {
        float* piece = workspace.at(offsets[i]);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece) % alignment, 0u);
        std::fill_n(piece, counts[i], static_cast<float>(i + 1));
    }
    for (std::size_t i = 0; i < counts.size(); ++i)
        for (std::size_t j = 0; j < counts[i]; ++j) EXPECT_EQ(workspace.at(offsets[i])[j], static_cast<float>(i + 1));
    EXPECT_THROW(workspace.plan(1), Error);
    EXPECT_THROW(workspace.at(workspace.planned_bytes()), Error);
}

TEST(WorkspacePlan, RefusesWhatCannotBeCounted) {
    Workspace workspace;
    workspace.plan(100);
    EXPECT_THROW(workspace.plan(std::numeric_limits<std::size_t>::max() - 50), Error);
}

} // namespace
} // namespace elbo
