// The table of epochs: aligned, with as many columns as there is room for.
#include "report/epoch_table.hpp"

#include <gtest/gtest.h>

#include <string>

namespace elbo::report {
namespace {

EpochLine last_but_one() { return {9, 10, -80.5, 25.25, -106.5, true, 24903, 43200, {}}; }

std::string text_of(const EpochTable& table, const EpochLine& line) {
    const EpochTable::Row row = table.row(line);
    return row.before + row.validation + row.after;
}

TEST(EpochTable, ShowsEverythingIn80Columns) {
    const EpochTable table(10, 80);
    EXPECT_EQ(table.header(), "   epoch      ELBO  reconstruction        KL  validation  samples/s  time left");
    EXPECT_EQ(text_of(table, last_but_one()),
              "    9/10   -105.75          -80.50     25.25     -106.50*    24,903  12 h 00 min");
    EXPECT_EQ(table.row(last_but_one()).validation, "     -106.50*");
    EpochLine last = last_but_one();
    last.epoch = 10;
    EXPECT_TRUE(table.row(last).after.ends_with("  -")) << "no time is left";
}

TEST(EpochTable, LosesColumnsWhereItIsNarrow) {
    EXPECT_EQ(EpochTable(10, 79).header(), "   epoch      ELBO        KL  validation  samples/s  time left");
    EXPECT_EQ(EpochTable(10, 63).header(), "   epoch      ELBO        KL  validation  samples/s");
    EXPECT_EQ(EpochTable(10, 50).header(), "   epoch      ELBO        KL  validation");
    EXPECT_EQ(EpochTable(10, 40).header(), "   epoch      ELBO  validation");
}

TEST(EpochTable, FitsAnyWidthAndStaysAligned) {
    for (std::size_t columns = 40; columns <= 100; ++columns)
        for (const std::uint64_t epochs : {1, 100, 20000}) {
            const EpochTable table(epochs, columns);
            for (const std::uint64_t epoch : {std::uint64_t{1}, epochs}) {
                EpochLine line = last_but_one();
                line.epoch = epoch;
                line.epochs = epochs;
                const std::string text = text_of(table, line);
                EXPECT_LE(text.size(), columns);
                EXPECT_LE(table.header().size(), columns);
                EXPECT_EQ(text.find('*'), table.header().find("validation") + 10)
                    << "the star stands behind the column's title";
            }
        }
}

TEST(EpochTable, KnowsWhenItLooksTheSame) {
    EXPECT_EQ(EpochTable(10, 80), EpochTable(20, 120));
    EXPECT_NE(EpochTable(10, 80), EpochTable(10, 79));
}

TEST(EpochTable, HasNoMarkWithoutValidation) {
    EpochLine line = last_but_one();
    line.validation_elbo.reset();
    line.best = false;
    EXPECT_EQ(text_of(EpochTable(10, 40), line), "    9/10   -105.75           - ");
}

} // namespace
} // namespace elbo::report
