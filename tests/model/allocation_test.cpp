// A step allocates nothing: memory is planned before it. oneDNN's small allocations, a few a call, are let through.
#include "model/vae.hpp"
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

void* operator new(std::size_t bytes) {
    largest = std::max(largest.load(), bytes);
    if (void* memory = std::malloc(std::max<std::size_t>(1, bytes))) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace elbo::model {
namespace {

TEST(Allocation, StepsTakeNothingAbove4KiB) {
    constexpr std::size_t rows = 1024; // a double a row, or anything larger a row, would be noticed
    const config::Model settings{8, {test::dense(64, "gelu")}, {test::dense(64, "relu")}, test::gaussian("learned")};
    Vae vae(settings, {96}, rows);
    vae.allocate();
    std::vector<float> values(vae.parameters().size()), gradients(values.size()), x(rows * 96, 0.5f);
    vae.initialise(1, std::vector<double>(96, 0.5), values);
    std::vector<std::uint64_t> samples(rows);
    std::iota(samples.begin(), samples.end(), 0);
    const auto step = [&](std::size_t count) {
        const Batch batch{{x.data(), count, 96}, std::span(samples).first(count)};
        vae.gradient(values, batch, {1, Purpose::posterior, 0}, 1, 1, gradients);
        vae.evaluate(values, batch, {1, Purpose::posterior, 0});
    };
    step(rows);
    step(rows - 7);
    largest = 0;
    step(rows);
    step(rows - 7);
    EXPECT_LE(largest.load(), 4096u);
    const std::vector<double> noticed(rows);
    EXPECT_GE(largest.load(), rows * sizeof(double));
}

} // namespace
} // namespace elbo::model
