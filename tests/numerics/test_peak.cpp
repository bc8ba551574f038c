// The measured peak is a rate that some CPU could have, and bf16's exists exactly where the CPU has it.
#include "numerics/peak.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace elbo {
namespace {

TEST(Peak, IsARateThatCpusHave) {
    const double one = measured_peak();
    EXPECT_GT(one, 1e8); // with sanitizers, too
    EXPECT_LT(one, 1e12);
    EXPECT_GT(measured_peak(2), 1e8);
}

TEST(Peak, OfBf16ExistsWhereTheCpuHasIt) {
    std::ifstream file("/proc/cpuinfo");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::optional<double> rate = measured_peak_bf16();
    EXPECT_EQ(rate.has_value(), text.find("avx512_bf16") != std::string::npos);
    EXPECT_GT(rate.value_or(1e10), 1e8);
}

} // namespace
} // namespace elbo
