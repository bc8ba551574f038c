// Products against a plain loop in double, over odd sizes, all transposes, rows that stand apart, and bias.
#include "base/error.hpp"
#include "numerics/matmul.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <dlfcn.h>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

/// While it is on, the allocations made by operator new, oneDNN's included.
struct {
    bool on = false;
    std::size_t count = 0, largest = 0;
} allocations;

void* counted(std::size_t bytes) {
    if (allocations.on) {
        ++allocations.count;
        allocations.largest = std::max(allocations.largest, bytes);
    }
    if (void* memory = std::malloc(bytes)) return memory;
    throw std::bad_alloc();
}

} // namespace

void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace elbo {
namespace {

constexpr float untouched = 123.0f;

/// A matrix with memory of its own, whose rows stand `gap` further apart than they are long.
struct Owned {
    Owned(std::size_t rows, std::size_t columns, std::size_t gap, unsigned seed = 0)
        : memory(std::max<std::size_t>(rows * (columns + gap), 1), untouched),
          view(memory.data(), rows, columns, columns + gap) {
        std::mt19937 generator(seed);
        std::uniform_real_distribution<float> values(-1, 1);
        for (std::size_t i = 0; seed != 0 && i < rows; ++i)
            for (float& x : view.row(i)) x = values(generator);
    }
    std::vector<float> memory;
    Matrix<float> view;
};

struct Case {
    Transpose transpose;
    std::size_t m, n, k, gap;
    bool bias;
};

std::string text(const Case& c) {
    const char* names[] = {"a b", "a^T b", "a b^T"};
    return std::string(names[static_cast<int>(c.transpose)]) + " m " + std::to_string(c.m) + " n " +
           std::to_string(c.n) + " k " + std::to_string(c.k) + " gap " + std::to_string(c.gap) +
           (c.bias ? " with bias" : "");
}

Owned make_a(const Case& c) {
    return c.transpose == Transpose::a ? Owned(c.k, c.m, c.gap, 1) : Owned(c.m, c.k, c.gap, 1);
}
Owned make_b(const Case& c) {
    return c.transpose == Transpose::b ? Owned(c.n, c.k, c.gap, 2) : Owned(c.k, c.n, c.gap, 2);
}

void expect_product(const Case& c, const Owned& a, const Owned& b, const Owned& product, std::span<const float> bias) {
    for (std::size_t i = 0; i < c.m; ++i) {
        for (std::size_t j = 0; j < c.n; ++j) {
            double sum = bias.empty() ? 0.0 : bias[j], magnitude = std::abs(sum);
            for (std::size_t l = 0; l < c.k; ++l) {
                const double x = c.transpose == Transpose::a ? a.view(l, i) : a.view(i, l);
                const double y = c.transpose == Transpose::b ? b.view(j, l) : b.view(l, j);
                sum += x * y;
                magnitude += std::abs(x * y);
            }
            // Each of k + 1 roundings is at most 2^-24 of a partial sum, itself at most `magnitude`.
            const double bound = static_cast<double>(c.k + 2) * 0x1p-24 * magnitude;
            ASSERT_NEAR(product.view(i, j), sum, bound) << text(c) << " at " << i << ", " << j;
        }
        for (std::size_t j = c.n; j < product.view.stride(); ++j)
            ASSERT_EQ(product.memory[i * product.view.stride() + j], untouched) << text(c) << ": wrote between rows";
    }
}

std::vector<Case> cases() {
    std::vector<Case> all;
    const std::size_t sizes[][3] = {{1, 1, 1},    {1, 20, 400}, {3, 1, 5},     {7, 9, 1},     {5, 17, 33},
                                    {16, 16, 16}, {31, 65, 13}, {64, 20, 100}, {128, 40, 37}, {100, 129, 257}};
    for (const Transpose transpose : {Transpose::none, Transpose::a, Transpose::b})
        for (const auto& [m, n, k] : sizes)
            for (const std::size_t gap : {0u, 3u, 16u})
                for (const bool bias : {false, true}) all.push_back({transpose, m, n, k, gap, bias});
    return all;
}

TEST(Product, AgreesWithAPlainLoop) {
    set_matmul_threads(1);
    for (const Case& c : cases()) {
        const Owned a = make_a(c), b = make_b(c), bias(1, c.n, 0, 3);
        Owned result(c.m, c.n, c.gap);
        const std::span<const float> offsets = c.bias ? bias.view.row(0) : std::span<float>();
        Product product(c.transpose, c.bias);
        product.prepare(a.view, b.view, result.view);
        product(a.view, b.view, result.view, offsets);
        expect_product(c, a, b, result, offsets);
        if (HasFatalFailure()) return;
    }
}

TEST(Product, OneServesManyShapesAndBuffers) {
    set_matmul_threads(1);
    Product product(Transpose::b, true);
    std::vector<Owned> results; // all alive, so that each call has other addresses
    for (const std::size_t m : {31u, 128u, 1u, 31u, 128u}) {
        const Case c{Transpose::b, m, 40, 50, 0, true};
        const Owned a = make_a(c), b = make_b(c), bias(1, c.n, 0, 3);
        Owned& result = results.emplace_back(130, c.n, 0);
        product(a.view, b.view, result.view.first_rows(m), bias.view.row(0));
        expect_product(c, a, b, result, bias.view.row(0));
        for (std::size_t i = m * c.n; i < result.memory.size(); ++i)
            ASSERT_EQ(result.memory[i], untouched) << "wrote below the last of " << m << " rows";
    }
}

/// A step is to allocate nothing of elbo's own and nothing above 4 KiB at all.
TEST(Product, AllocatesNothingLargeOncePrepared) {
    set_matmul_threads(1);
    for (const Transpose transpose : {Transpose::none, Transpose::a, Transpose::b}) {
        const Case c{transpose, 128, 400, 784, 0, true};
        const Owned a = make_a(c), b = make_b(c), bias(1, c.n, 0, 3);
        Owned result(c.m, c.n, 0);
        Product product(transpose, true);
        product.prepare(a.view, b.view, result.view);
        allocations = {.on = true};
        product(a.view, b.view, result.view, bias.view.row(0));
        allocations.on = false;
        EXPECT_LE(allocations.largest, 4096u) << text(c);
        // On AVX2 oneDNN 3 compiles some kernels in pieces at the first call of all, so that the second is counted.
        allocations = {.on = true};
        product(a.view, b.view, result.view, bias.view.row(0));
        allocations.on = false;
        EXPECT_LE(allocations.largest, 4096u) << text(c);
        EXPECT_LE(allocations.count, 20u) << text(c);
        allocations = {.on = true};
        Product(transpose, true)(a.view, b.view, result.view, bias.view.row(0));
        allocations.on = false;
        EXPECT_GT(allocations.count, 20u) << "the count misses what a first call allocates";
    }
}

TEST(Product, GivesTheSameBitsEachTime) {
    set_matmul_threads(1);
    const Case c{Transpose::a, 40, 50, 128, 0, false};
    const Owned a = make_a(c), b = make_b(c);
    Owned first(c.m, c.n, 0), second(c.m, c.n, 0);
    Product(c.transpose)(a.view, b.view, first.view);
    Product(c.transpose)(a.view, b.view, second.view);
    EXPECT_EQ(first.memory, second.memory);
}

TEST(Product, OverTwoThreadsAgreesAsWell) {
    set_matmul_threads(2);
    const Case c{Transpose::b, 128, 400, 300, 0, true};
    const Owned a = make_a(c), b = make_b(c), bias(1, c.n, 0, 3);
    Owned result(c.m, c.n, 0);
    Product product(c.transpose, true);
    product(a.view, b.view, result.view, bias.view.row(0));
    expect_product(c, a, b, result, bias.view.row(0));
    set_matmul_threads(1);
    product(a.view, b.view, result.view, bias.view.row(0));
    expect_product(c, a, b, result, bias.view.row(0));
    EXPECT_THROW(set_matmul_threads(0), Error);
}

TEST(Product, RunsOnAsManyThreadsAsAskedForWhoeverRunsIt) {
    const auto openmp_threads = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
    if (openmp_threads == nullptr) GTEST_SKIP() << "this oneDNN runs without OpenMP";
    set_matmul_threads(2);
    EXPECT_EQ(openmp_threads(), 2);
    set_matmul_threads(3);
    int elsewhere = 0;
    std::thread([&] { // OpenMP's number is one a thread
        const Owned a(3, 5, 0, 1), b(4, 5, 0, 2);
        Owned c(3, 4, 0);
        Product{Transpose::b}(a.view, b.view, c.view);
        elsewhere = openmp_threads();
    })
        .join();
    EXPECT_EQ(elsewhere, 3);
    set_matmul_threads(1);
    EXPECT_EQ(openmp_threads(), 1);
}

TEST(Product, OverNothingIsNothingOrTheBias) {
    const Owned none_a(0, 5, 0), b(5, 4, 0, 2);
    Owned none(0, 4, 0);
    EXPECT_NO_THROW(Product{Transpose::none}(none_a.view, b.view, none.view));
    const Owned narrow_a(3, 0, 0), flat_b(0, 4, 0);
    Owned zeros(3, 4, 2);
    Product{Transpose::none}(narrow_a.view, flat_b.view, zeros.view);
    const std::vector<float> bias = {1, 2, 3, 4};
    Owned biases(3, 4, 2);
    Product{Transpose::none, true}(narrow_a.view, flat_b.view, biases.view, bias);
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 4; ++j) {
            EXPECT_EQ(zeros.view(i, j), 0.0f);
            EXPECT_EQ(biases.view(i, j), bias[j]);
        }
        EXPECT_EQ(biases.memory[i * 6 + 4], untouched);
    }
}

TEST(Product, RefusesShapesThatDoNotFitAndNamesThem) {
    const Owned a(3, 5, 0, 1), b(4, 5, 0, 2);
    Owned c(3, 4, 0), wrong(3, 6, 0);
    const std::vector<float> bias(4);
    Product product(Transpose::b, true);
    EXPECT_NO_THROW(product(a.view, b.view, c.view, bias));
    try {
        product(a.view, b.view, wrong.view, bias);
        FAIL() << "a result of the wrong width was accepted";
    } catch (const Error& error) {
        const std::string message = error.what();
        for (const char* part : {"3 x 5", "4 x 5", "3 x 6", "transposed"})
            EXPECT_NE(message.find(part), std::string::npos) << message;
    }
    EXPECT_THROW(Product{Transpose::none}(a.view, b.view, c.view), Error); // b is not 5 x n
    EXPECT_THROW(product.prepare(b.view, a.view, c.view), Error);
    EXPECT_THROW(product(a.view, b.view, c.view), Error); // no bias
    EXPECT_THROW(product(a.view, b.view, c.view, std::span(bias).first(3)), Error);
    EXPECT_THROW(Product{Transpose::b}(a.view, b.view, c.view, bias), Error); // a bias too many
    const Matrix<const float> overlapping(a.memory.data(), 3, 5, 4);
    EXPECT_THROW(product(overlapping, b.view, c.view, bias), Error);
}

TEST(Product, SpreadsNotANumber) {
    const Case c{Transpose::none, 4, 6, 5, 0, false};
    Owned a = make_a(c);
    const Owned b = make_b(c);
    Owned result(c.m, c.n, 0);
    a.view(2, 3) = std::numeric_limits<float>::quiet_NaN();
    Product(c.transpose)(a.view, b.view, result.view);
    for (std::size_t j = 0; j < c.n; ++j) {
        EXPECT_TRUE(std::isnan(result.view(2, j)));
        EXPECT_FALSE(std::isnan(result.view(1, j)));
    }
}

TEST(MatmulLibrary, NamesItselfAndItsInstructions) {
    EXPECT_EQ(matmul_library_version().substr(0, 7), "oneDNN ");
    EXPECT_FALSE(matmul_instruction_set().empty());
#if defined(__x86_64__)
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    EXPECT_EQ(matmul_instruction_set().starts_with("AVX-512"), avx512) << matmul_instruction_set();
#endif
}

} // namespace
} // namespace elbo
