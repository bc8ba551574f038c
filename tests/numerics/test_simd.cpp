// The vocabulary of kernels: every target's functions against the C library's in double, edges of the range of float,
// ranges that are neither read nor written outside, and the same bits for an element wherever it stands in a range.
#include "numerics/every_target.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "numerics/test_simd.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;

template <class Function>
HWY_INLINE void apply(std::span<const float> in, std::span<float> out, Function function) {
    simd::for_each_vector(out.size(), [&](auto at) HWY_ATTR { at.store(function(at.load(in.data())), out.data()); });
}

void exp_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::exp(x); });
}
void exp_of_negative_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::exp_of_negative(simd::hn::Neg(simd::hn::Abs(x))); });
}
void log_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::log(x); });
}
void log1p_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::log1p(x); });
}
void tanh_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::tanh(x); });
}
void sigmoid_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::sigmoid(x); });
}
void softplus_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::softplus(x); });
}
void erf_of(std::span<const float> in, std::span<float> out) {
    apply(in, out, [](simd::V x) HWY_ATTR { return simd::erf(x); });
}
double sum_of(std::span<const float> in) {
    // Lanes outside of the range hold 1 here and must not count.
    return simd::sum(in.size(), [&](auto at) HWY_ATTR { return simd::V(at.load(in.data()) + simd::all(1)); });
}
std::size_t lanes_of() { return simd::lanes(); }

} // namespace elbo::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace elbo {
namespace {

HWY_EXPORT(exp_of);
HWY_EXPORT(exp_of_negative_of);
HWY_EXPORT(log_of);
HWY_EXPORT(log1p_of);
HWY_EXPORT(tanh_of);
HWY_EXPORT(sigmoid_of);
HWY_EXPORT(softplus_of);
HWY_EXPORT(erf_of);
HWY_EXPORT(sum_of);
HWY_EXPORT(lanes_of);

using Vectors = std::function<void(std::span<const float>, std::span<float>)>;

struct Function {
    std::string name;
    Vectors vectors;
    double (*exact)(double);
    float from, to; ///< where accuracy is promised
    double max_ulp; ///< as the header states it
};

double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double exact_softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

std::vector<Function> functions() {
    constexpr float max = std::numeric_limits<float>::max();
    constexpr float min = std::numeric_limits<float>::denorm_min();
    const auto f = [](auto call) { return Vectors(call); };
    return {
        {"exp", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(exp_of)
             (in, out);
         }),
         std::exp, -max, max, 2},
        {"exp_of_negative", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(exp_of_negative_of)
             (in, out);
         }),
         [](double x) { return std::exp(std::max(-std::abs(x), -87.0)); }, -max, max, 2},
        {"log", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(log_of)
             (in, out);
         }),
         std::log, min, max, 3},
        {"log1p", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(log1p_of)
             (in, out);
         }),
         std::log1p, -0.99999994f, max, 4},
        {"tanh", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(tanh_of)
             (in, out);
         }),
         std::tanh, -max, max, 3},
        {"sigmoid", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(sigmoid_of)
             (in, out);
         }),
         exact_sigmoid, -max, max, 3},
        {"softplus", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(softplus_of)
             (in, out);
         }),
         exact_softplus, -max, max, 3},
        {"erf", f([](auto in, auto out) {
             HWY_DYNAMIC_DISPATCH(erf_of)
             (in, out);
         }),
         std::erf, -max, max, 3},
    };
}

/// Distance from the exact value in units in the last place of the float nearest to it.
double ulp_error(float found, double exact) {
    const double magnitude = std::abs(exact);
    if (magnitude > std::numeric_limits<float>::max())
        return std::isinf(found) || found == std::numeric_limits<float>::max() ? 0 : 1e30;
    int exponent = 0;
    std::frexp(magnitude, &exponent);
    const double ulp = std::ldexp(1.0, std::max(exponent - 24, -149));
    return std::abs(static_cast<double>(found) - exact) / ulp;
}

/// Every float of [from, to], many apart: a walk over bit patterns of either sign.
std::vector<float> sweep(float from, float to) {
    std::vector<float> values;
    for (std::uint64_t bits = 0; bits <= 0xFFFFFFFFu; bits += 4099) {
        const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        if (x >= from && x <= to) values.push_back(x);
    }
    for (int i = -40000; i <= 40000; ++i) {
        const float x = static_cast<float>(i) * 0.0025f;
        if (x >= from && x <= to) values.push_back(x);
    }
    return values;
}

TEST(Simd, FunctionsAreAsAccurateAsStated) {
    on_every_target([]() {
        for (const Function& function : functions()) {
            const std::vector<float> in = sweep(function.from, function.to);
            ASSERT_GT(in.size(), 100000u);
            std::vector<float> out(in.size());
            function.vectors(in, out);
            double worst = 0;
            float worst_at = 0;
            for (std::size_t i = 0; i < in.size(); ++i) {
                const double error = ulp_error(out[i], function.exact(in[i]));
                if (!(error <= worst)) worst = error, worst_at = in[i];
            }
            EXPECT_LE(worst, function.max_ulp) << function.name << " at " << worst_at;
        }
    });
}

TEST(Simd, InfinitiesGiveLimitsAndNanGivesNan) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    on_every_target([]() {
        for (const Function& function : functions()) {
            const std::vector<float> in = {infinity, -infinity, nan, 0.0f, -0.0f, -1.0f};
            std::vector<float> out(in.size());
            function.vectors(in, out);
            for (std::size_t i = 0; i < in.size(); ++i) {
                const double exact = function.exact(in[i]);
                SCOPED_TRACE(function.name + " of " + std::to_string(in[i]));
                if (std::isnan(exact))
                    EXPECT_TRUE(std::isnan(out[i])) << out[i];
                else if (std::isinf(exact))
                    EXPECT_EQ(out[i], static_cast<float>(exact));
                else
                    EXPECT_LE(ulp_error(out[i], exact), function.max_ulp) << out[i];
            }
        }
    });
}

TEST(Simd, AnElementHasTheSameBitsInBodyAndTail) {
    const std::vector<float> in = [] {
        std::vector<float> values(100);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.37f + 0.173f * static_cast<float>(i);
        return values;
    }();
    on_every_target([&]() {
        for (const Function& function : functions()) {
            std::vector<float> whole(in.size());
            function.vectors(in, whole);
            for (std::size_t begin = 0; begin < 20; ++begin) {
                for (std::size_t count = 0; count <= 40; ++count) {
                    std::vector<float> part(count);
                    function.vectors(std::span(in).subspan(begin, count), part);
                    for (std::size_t i = 0; i < count; ++i)
                        ASSERT_EQ(std::bit_cast<std::uint32_t>(part[i]), std::bit_cast<std::uint32_t>(whole[begin + i]))
                            << function.name << ", element " << i << " of " << count;
                }
            }
        }
    });
}

TEST(Simd, NothingIsWrittenOutsideOfTheRange) {
    on_every_target([]() {
        for (std::size_t count = 0; count <= 40; ++count) {
            std::vector<float> memory(count + 40, 7.0f);
            const std::vector<float> in(count, 0.0f);
            HWY_DYNAMIC_DISPATCH(exp_of)(in, std::span(memory).subspan(20, count));
            for (std::size_t i = 0; i < memory.size(); ++i)
                ASSERT_EQ(memory[i], i >= 20 && i < 20 + count ? 1.0f : 7.0f) << "at " << i << " of " << count;
        }
    });
}

TEST(Simd, SumsCountEveryElementOnce) {
    on_every_target([]() {
        for (std::size_t count = 0; count <= 70; ++count) {
            std::vector<float> in(count);
            double expected = 0;
            for (std::size_t i = 0; i < count; ++i) {
                in[i] = static_cast<float>(i * i);
                expected += static_cast<double>(i * i) + 1;
            }
            EXPECT_EQ(HWY_DYNAMIC_DISPATCH(sum_of)(in), expected); // integers: exact in any order
        }
    });
}

TEST(Simd, SumsAreInDouble) {
    const std::vector<float> in(100000, 0.1f); // in float the sum would drift by some 1e-2
    const double expected = 100000.0 * (static_cast<double>(0.1f + 1.0f));
    on_every_target([&]() { EXPECT_NEAR(HWY_DYNAMIC_DISPATCH(sum_of)(in), expected, 1e-6); });
}

TEST(Simd, TheWidestVectorsOfThisCpuAreUsed) {
#if HWY_ARCH_X86
    const std::size_t expected = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? 16
                                 : __builtin_cpu_supports("avx2")                                        ? 8
                                                                                                         : 1;
    EXPECT_GE(HWY_DYNAMIC_DISPATCH(lanes_of)(), expected);
    EXPECT_TRUE(HWY_TARGETS & HWY_AVX3);
    EXPECT_TRUE(HWY_TARGETS & HWY_AVX2);
#else
    EXPECT_GE(HWY_DYNAMIC_DISPATCH(lanes_of)(), 4u);
#endif
}

} // namespace
} // namespace elbo
#endif
