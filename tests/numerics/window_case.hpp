// Products of windows of floats or of bf16 pairs, beside sums in double.
#pragma once

#include "numerics/window_product.hpp"

#include <gtest/gtest.h>

#include <concepts>
#include <random>
#include <vector>

namespace elbo {

/// What stands in results where a product must not write.
constexpr float untouched = 123;

/// Floats, BFloat16s or pairs of them.
template <class T>
std::vector<T> uniform(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<float> values(-1, 1);
    std::vector<T> numbers(count);
    for (T& x : numbers) {
        if constexpr (std::same_as<T, BFloat16Pair>)
            x = {to_bfloat16(values(generator)), to_bfloat16(values(generator))};
        else if constexpr (std::same_as<T, BFloat16>)
            x = to_bfloat16(values(generator));
        else
            x = values(generator);
    }
    return numbers;
}

inline double product(float x, float y) { return static_cast<double>(x) * y; }
inline double product(BFloat16Pair x, BFloat16Pair y) {
    return product(to_float(x.first), to_float(y.first)) + product(to_float(x.second), to_float(y.second));
}

inline std::vector<std::size_t> row_starts(std::size_t rows, std::size_t columns) {
    std::vector<std::size_t> first;
    for (std::size_t row = 0; row < rows; ++row) first.push_back(row * columns);
    return first;
}

/// Windows that overlap, places two elements apart, lines and runs some more, and a matrix for them, in order.
template <class T>
struct WindowCase {
    static constexpr std::size_t line_step = 11, place_step = 2, run_step = 5;
    std::size_t lines, places, runs, length, columns;
    std::vector<T> memory, b;

    WindowCase(std::size_t line_count, std::size_t place_count, std::size_t run_count, std::size_t run,
               std::size_t width)
        : lines(line_count),
          places(place_count),
          runs(run_count),
          length(run),
          columns(width),
          memory(uniform<T>(lines * line_step + places * place_step + runs * run_step + length, 1)),
          b(uniform<T>(runs * length * columns, 2)) {}

    std::size_t rows() const { return runs * length; }
    Windows<T> windows() const { return {memory.data(), lines, line_step, places, place_step, runs, run_step, length}; }
    T window(std::size_t line, std::size_t place, std::size_t row) const {
        return memory[line * line_step + place * place_step + row / length * run_step + row % length];
    }
    double expected(std::size_t line, std::size_t place, std::size_t column) const {
        double sum = 0;
        for (std::size_t row = 0; row < rows(); ++row)
            sum += product(window(line, place, row), b[row * columns + column]);
        return sum;
    }
    Panels<T> panels() const {
        Panels<T> gathered(rows(), columns);
        if constexpr (std::same_as<T, BFloat16Pair>) {
            std::vector<std::size_t> first;
            for (const std::size_t start : row_starts(rows(), 2 * columns))
                for (const std::size_t half : {0, 1}) first.push_back(start + half);
            gathered.gather(reinterpret_cast<const BFloat16*>(b.data()), first, 2);
        } else {
            gathered.gather(b.data(), row_starts(rows(), columns), 1);
        }
        return gathered;
    }
};

template <class T>
std::ostream& operator<<(std::ostream& out, const WindowCase<T>& c) {
    return out << c.lines << " x " << c.places << " places, " << c.runs << " x " << c.length << " to " << c.columns;
}

template <class T>
void expect_transposed_product(const WindowCase<T>& c) {
    const std::size_t place_step = c.columns, line_step = c.places * place_step;
    const std::vector<T> b = uniform<T>(c.lines * line_step, 3);
    const std::vector<std::size_t> first = row_starts(c.rows(), c.columns);
    Panels<float> sum(c.rows(), c.columns);
    std::vector<float> found(c.rows() * c.columns, 1);
    sum.gather(found.data(), first, 1);
    add_transposed_product(c.windows(), {b.data(), line_step, place_step}, sum);
    sum.scatter(found.data(), first, 1);
    const double error = (std::same_as<T, float> ? 2e-6 : 4e-6) * static_cast<double>(c.lines * c.places + 4);
    for (std::size_t row = 0; row < c.rows(); ++row)
        for (std::size_t column = 0; column < c.columns; ++column) {
            double total = 1;
            for (std::size_t line = 0; line < c.lines; ++line)
                for (std::size_t place = 0; place < c.places; ++place)
                    total += product(c.window(line, place, row), b[line * line_step + place * place_step + column]);
            ASSERT_NEAR(found[row * c.columns + column], total, error) << row << ' ' << column;
        }
}

} // namespace elbo
