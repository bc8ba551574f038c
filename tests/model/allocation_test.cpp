// A step allocates nothing: memory is planned before it. oneDNN's small allocations, a few a call, are let through.
#include "model/vae.hpp"
#include "numerics/matmul.hpp"
#include "support/rounded.hpp"
#include "support/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <numeric>

namespace {
std::atomic<std::size_t> largest = 0; ///< bytes of one allocation since it was set to 0
}

// Not inlined: where one is and the other is not, GCC takes malloc and delete, or new and free, for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    largest = std::max(largest.load(), bytes);
    if (void* memory = std::malloc(std::max<std::size_t>(1, bytes))) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace elbo::model {
namespace {

void expect_steps_without_allocation(Precision precision) {
    constexpr std::size_t rows = 1024; // a double a row, or anything larger a row, would be noticed
    const config::Model settings{8, {test::dense(64, "gelu")}, {test::dense(64, "relu")}, test::gaussian("learned")};
    Vae vae(settings, {96}, rows, precision);
    vae.allocate();
    std::vector<float> values(vae.parameters().size()), gradients(values.size()), x(rows * 96, 0.5f);
    vae.initialise(1, std::vector<double>(96, 0.5), values);
    const std::vector<BFloat16> copy = test::rounded(values);
    const layers::Values read{values, copy};
    std::vector<std::uint64_t> samples(rows);
    std::iota(samples.begin(), samples.end(), 0);
    const auto step = [&](std::size_t count) {
        const Batch batch{{x.data(), count, 96}, std::span(samples).first(count)};
        vae.gradient(read, batch, {1, Purpose::posterior, 0}, 1, 1, gradients);
        vae.evaluate(read, batch, {1, Purpose::posterior, 0});
    };
    step(rows);
    step(rows - 7);
    largest = 0;
    step(rows);
    step(rows - 7);
    EXPECT_LE(largest.load(), 4096u);
    ::operator delete(::operator new(rows * sizeof(double))); // as a call: a pair of new and delete may be left out
    EXPECT_GE(largest.load(), rows * sizeof(double));
}

TEST(Allocation, StepsTakeNothingAbove4KiB) { expect_steps_without_allocation(Precision::fp32); }

TEST(Allocation, StepsInBf16TakeNothingAbove4KiB) {
    if (!matmul_supports(Precision::bf16)) GTEST_SKIP() << "no bf16 products on " << matmul_instruction_set();
    expect_steps_without_allocation(Precision::bf16);
}

} // namespace
} // namespace elbo::model
