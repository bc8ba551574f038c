// Which steps --trace-steps asks for.
#include "training/trace.hpp"

#include <gtest/gtest.h>

namespace elbo::training {
namespace {

TEST(TraceSteps, AreARangeOrOne) {
    EXPECT_EQ(parse_trace_steps("100-109"), std::pair(std::uint64_t{100}, std::uint64_t{109}));
    EXPECT_EQ(parse_trace_steps("7"), std::pair(std::uint64_t{7}, std::uint64_t{7}));
    EXPECT_EQ(parse_trace_steps("1-10000"), std::pair(std::uint64_t{1}, std::uint64_t{10000}));
}

TEST(TraceSteps, RefusesWhatIsNone) {
    for (const char* text : {"", "0", "0-5", "9-5", "5-", "-5", "5-x", "five", "1-10001", " 1-2", "1 - 2", "1-2-3"})
        EXPECT_THROW(parse_trace_steps(text), InputError) << text;
}

} // namespace
} // namespace elbo::training
