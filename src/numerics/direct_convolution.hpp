// Convolutions in float by products of windows: forward, and the gradients by the images and by the weights.
#pragma once

#include "numerics/convolution.hpp"
#include "numerics/window_product.hpp"

#include <vector>

namespace elbo {

/// Neighbouring places along a line or a column that see the same part of a kernel: of places `first` on, `count`; of
/// the kernel's pixels `tap` on, `taps`. What lies beyond the image is not read, nor multiplied as zeros.
struct Segment {
    std::size_t first, count, tap, taps;
};

/// Of places whose kernel begins at pixel start, start + step ... of an extent.
std::vector<Segment> segments(std::size_t places, std::ptrdiff_t start, std::size_t step, std::size_t kernel,
                              std::size_t extent);

/// An image with zeros around it.
class Framed {
public:
    explicit Framed(const ConvolutionShape& shape);
    std::size_t line_step() const { return (shape_.width + 2 * shape_.padding) * shape_.channels; }
    /// The image with its frame, valid until the next call; the image itself where it needs none.
    const float* around(const float* image);

private:
    ConvolutionShape shape_;
    AlignedFloats room_;
};

/// One thread's. Rows of images have no gaps between them; weights lie as Convolution says. Sizes are the caller's
/// care. Each way may go over the rows in pieces after its begin; the gradient by the weights is there at its end.
class DirectConvolution {
public:
    explicit DirectConvolution(const ConvolutionShape& shape);
    /// Rows of a piece at most.
    std::size_t images_at_once() const { return images_at_once_; }

    void begin_forward(const float* weight);
    void forward(Matrix<const float> x, Matrix<float> y);

    void begin_back_to_input(const float* weight);
    void back_to_input(Matrix<const float> diff_y, Matrix<float> diff_x);

    void begin_back_to_weight();
    void back_to_weight(Matrix<const float> x, Matrix<const float> diff_y);
    void end_back_to_weight(float* diff_weight) const;

private:
    /// Pixels of the image whose distance to the kernel's steps is the same, vertically and horizontally: they see the
    /// same part of the kernel.
    struct Phase {
        std::size_t line, place;            ///< the first pixel
        std::ptrdiff_t first_y, first_x;    ///< of diff_y, what the first pixel sees
        std::vector<Segment> lines, places; ///< in steps of the stride
        std::size_t taps;                   ///< of a line of the kernel
        std::vector<std::size_t> weight;    ///< where each value of what is seen finds the weight to its first channel
        Panels panels;
    };

    Phase phase_of(std::size_t down, std::size_t right) const;

    ConvolutionShape shape_;
    std::size_t images_at_once_;             ///< so that they lie in the second-level cache
    std::vector<std::size_t> window_weight_; ///< of each value of a window, to the first channel of the result
    Panels weight_, diff_weight_;
    std::vector<Segment> lines_, places_;
    Framed framed_;
    std::vector<Phase> phases_;
};

} // namespace elbo
