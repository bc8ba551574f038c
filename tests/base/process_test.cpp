// What /proc says of a process, whatever its name does to the line.
#include "base/process.hpp"

#include <gtest/gtest.h>

namespace elbo {
namespace {

TEST(Process, LinesOfProcAreReadWhateverTheProgramIsCalled) {
    const std::string rest = " 1 1 1 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 10 0";
    const auto stat = parse_process("42 (a) T (b) D" + rest);
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->state, 'D');
    EXPECT_EQ(stat->started, 987654U);
    EXPECT_FALSE(parse_process(""));
    EXPECT_FALSE(parse_process("42 (elbo) R 1 2 3"));
    EXPECT_FALSE(parse_process("42 elbo R" + rest));
}

} // namespace
} // namespace elbo
