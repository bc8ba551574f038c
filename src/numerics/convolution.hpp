// Convolutions of images, forward and both ways back, on plain channels-last activations.
#pragma once

#include "numerics/any_matrix.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace elbo {

/// A convolution of images [height, width, channels] with a square kernel, zeros around them:
/// out_height = (height + 2 padding - kernel) / stride + 1, rounded down; widths likewise.
struct ConvolutionShape {
    std::size_t height, width, channels, out_channels, kernel, stride, padding;

    /// 0 where the kernel does not fit.
    std::size_t out_height() const { return extent(height); }
    std::size_t out_width() const { return extent(width); }
    std::size_t inputs() const { return height * width * channels; }
    std::size_t outputs() const { return out_height() * out_width() * out_channels; }
    std::size_t weights() const { return out_channels * channels * kernel * kernel; }
    /// Of one image: a multiply and an add for each weight at each place.
    double flops() const;

private:
    std::size_t extent(std::size_t in) const {
        return stride == 0 || in + 2 * padding < kernel ? 0 : (in + 2 * padding - kernel) / stride + 1;
    }
};

/// Told of some rows, all in order, while they lie in the cache: before they are read, and once they are written.
struct RowHooks {
    using Rows = std::function<void(std::size_t first, std::size_t count)>;
    Rows next{}, done{};
};

/// x: [rows, inputs()], y: [rows, outputs()], rows of H, W, C in this order, no gaps between them; weight:
/// [1, weights()] as PyTorch has it, [out, in, kernel, kernel]. What is read is of one precision, what is written of
/// the same or in float; sums are in float. A transposed convolution is this with forward() and back_to_input() changed
/// for each other: PyTorch's weight of it, [in, out, kernel, kernel], lies the same way. Primitives, one for every
/// number of rows that occurs, are made on first use and kept. Errors name the shape.
class Convolution {
public:
    explicit Convolution(const ConvolutionShape& shape);
    Convolution(Convolution&&) noexcept;
    Convolution& operator=(Convolution&&) noexcept;
    ~Convolution();

    const ConvolutionShape& shape() const;

    /// Throws Error where oneDNN would compute with its reference kernels, a thousand times slower, and these are not
    /// allowed. Of so many rows, before anything runs.
    void require_kernels(std::size_t rows, Precision precision) const;

    /// y = x * weight
    void forward(ConstAnyMatrix x, ConstAnyMatrix weight, AnyMatrix y, const RowHooks& hooks = {});
    /// diff_x = the gradient by x where that by y is diff_y
    void back_to_input(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x, const RowHooks& hooks = {});
    /// diff_weight = the gradient by weight, summed over rows, in float
    void back_to_weight(ConstAnyMatrix x, ConstAnyMatrix diff_y, Matrix<float> diff_weight, const RowHooks& hooks = {});

private:
    struct Kernels;
    std::unique_ptr<Kernels> kernels_;
};

/// Copies of arrays into oneDNN's own layouts, or back, that this process has made so far: of convolutions' weights, of
/// images where there is no fast kernel for plain ones.
std::uint64_t reorders_so_far();

} // namespace elbo
