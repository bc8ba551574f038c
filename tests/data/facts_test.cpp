// What is found out about a dataset does not depend on how its rows come, and is what a plain loop finds.
#include "data/dataset.hpp"
#include "data/facts.hpp"
#include "numerics/random.hpp"
#include "storage/hash.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace {

using namespace elbo;
using data::Facts;
using data::Range;

template <class T>
Facts facts_of(const std::vector<T>& values, const Shape& shape, storage::ElementType type, double one) {
    const storage::DatasetInfo info{"a.h5", "/x", shape, type, "", {}, 0};
    const std::size_t row = info.row_bytes();
    const auto bytes = std::as_bytes(std::span(values));
    return data::survey(info, one, [&](Range rows) { return bytes.subspan(rows.begin * row, rows.size() * row); });
}

TEST(Facts, SmallDataHasTheFingerprintOfItsBytes) {
    const std::vector<std::uint8_t> values = {3, 1, 4, 1, 5, 9};
    const Facts facts = facts_of(values, {3, 2}, storage::ElementType::u8, 255);
    EXPECT_EQ(facts.fingerprint, storage::fingerprint("uint8 3 x 2", std::as_bytes(std::span(values))));
    EXPECT_EQ(facts.mean, (std::vector<double>{4, 11 / 3.0}));
    EXPECT_EQ(facts.least, 1);
    EXPECT_EQ(facts.greatest, 9);
    EXPECT_TRUE(facts.grey);
    EXPECT_TRUE(facts.problem.empty());
}

TEST(Facts, AHashOfPiecesIsThatOfTheWhole) {
    std::vector<std::byte> bytes(100'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i);
    storage::Fingerprint hash("label");
    for (std::size_t begin = 0; begin < bytes.size(); begin += 777)
        hash.add(std::span(bytes).subspan(begin, std::min<std::size_t>(777, bytes.size() - begin)));
    EXPECT_EQ(hash.digits(), storage::fingerprint("label", bytes));
    EXPECT_NE(hash.digits(), storage::fingerprint("other", bytes));
}

TEST(Facts, OfManyGroupsAreThoseOfAPlainLoop) {
    // 80 MB, more than one group: sums of float values in groups differ from a plain loop's in the last bits alone.
    constexpr std::size_t rows = 200'001, width = 100;
    std::vector<float> values(rows * width);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 1009) * 0.25F;
    std::vector<double> mean(width);
    for (std::size_t i = 0; i < values.size(); ++i) mean[i % width] += static_cast<double>(values[i]) / rows;
    const Facts facts = facts_of(values, {rows, width}, storage::ElementType::f32, 1);
    for (std::size_t j = 0; j < width; ++j) EXPECT_NEAR(facts.mean[j], mean[j], 1e-9 * mean[j]);
    EXPECT_EQ(facts.least, 0);
    EXPECT_EQ(facts.greatest, 252);
    const std::string before = facts.fingerprint;
    EXPECT_EQ(before.size(), 16U);
    values.back() += 1;
    EXPECT_NE(facts_of(values, {rows, width}, storage::ElementType::f32, 1).fingerprint, before);
    values[150'000 * width + 3] = std::numeric_limits<float>::infinity();
    values[70'000 * width + 8] = std::numeric_limits<float>::quiet_NaN();
    const Facts bad = facts_of(values, {rows, width}, storage::ElementType::f32, 1);
    EXPECT_EQ(bad.bad_row, 70'000U);
    EXPECT_EQ(bad.problem, "holds not a number (NaN) at element 8; only finite numbers can be used");
}

TEST(Facts, GreyIsWhatIsNeitherNothingNorOne) {
    EXPECT_FALSE(facts_of(std::vector<std::uint16_t>{0, 65535}, {1, 2}, storage::ElementType::u16, 65535).grey);
    EXPECT_TRUE(facts_of(std::vector<std::uint16_t>{0, 1}, {1, 2}, storage::ElementType::u16, 65535).grey);
    EXPECT_FALSE(facts_of(std::vector<std::int8_t>{0, 1}, {2, 1}, storage::ElementType::i8, 1).grey);
}

TEST(Facts, ReadsInOrder) {
    const storage::DatasetInfo info{"a.h5", "/x", {3000, 4096}, storage::ElementType::u8, "", {}, 0};
    std::vector<std::byte> zeros(std::size_t{8} << 20);
    std::uint64_t next = 0;
    data::survey(info, 255, [&](Range rows) {
        EXPECT_EQ(rows.begin, next);
        next = rows.end;
        return std::span<const std::byte>(zeros).first(rows.size() * 4096);
    });
    EXPECT_EQ(next, 3000U);
}

} // namespace
