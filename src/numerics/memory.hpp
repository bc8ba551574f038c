// Memory planned before it is taken: one workspace, cut into pieces whose sizes are known from the configuration.
#pragma once

#include "numerics/any_matrix.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace elbo {

/// Bytes to which every piece is aligned: a cache line and an AVX-512 register.
inline constexpr std::size_t alignment = 64;

/// Zeroed floats at an aligned address.
class AlignedFloats {
public:
    AlignedFloats() = default;
    /// Throws Error naming the size where there is no memory for it.
    explicit AlignedFloats(std::size_t count);
    std::span<float> span() { return {data_.get(), count_}; }
    std::span<const float> span() const { return {data_.get(), count_}; }

private:
    struct Free {
        void operator()(float* p) const;
    };
    std::unique_ptr<float[], Free> data_;
    std::size_t count_ = 0;
};

/// Hands out offsets first (plan), memory later (allocate): what a step needs is one block.
class Workspace {
public:
    /// Offset of `count` floats, aligned. Only before allocate().
    std::size_t plan(std::size_t count);
    /// The same for elements of either precision.
    std::size_t plan(std::size_t count, Precision precision);
    std::size_t planned_bytes() const { return planned_ * sizeof(float); }
    void allocate();
    /// The piece at an offset that plan() gave.
    float* at(std::size_t offset);
    AnyMatrix matrix(std::size_t offset, Precision precision, std::size_t rows, std::size_t columns);

private:
    std::size_t planned_ = 0;
    AlignedFloats memory_;
};

} // namespace elbo
