// Bytes as floats against the formula, for every value, every length of a tail and every instruction set.
#include "numerics/every_target.hpp"
#include "numerics/widen.hpp"

#include "base/error.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace elbo {
namespace {

TEST(Widen, GivesEveryByteTimesTheScale) {
    on_every_target([] {
        for (const float scale : {1.0F, 1.0F / 255, -0.3F})
            for (std::size_t count = 256; count < 256 + 70; ++count) {
                std::vector<std::uint8_t> bytes(count);
                for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i);
                std::vector<float> out(count + 1, 99);
                widen(bytes, scale, std::span(out).first(count));
                for (std::size_t i = 0; i < count; ++i)
                    ASSERT_EQ(out[i], static_cast<float>(bytes[i]) * scale) << i << " of " << count;
                ASSERT_EQ(out[count], 99);
            }
    });
}

TEST(Widen, RefusesOtherSizes) {
    const std::vector<std::uint8_t> bytes(5);
    std::vector<float> out(6);
    EXPECT_THROW(widen(bytes, 1, out), Error);
    widen({}, 1, {});
}

} // namespace
} // namespace elbo
