// Convolutions in float by products of windows: forward, and the gradients by the images and by the weights.
#pragma once

#include "numerics/convolution.hpp"
#include "numerics/window_product.hpp"

#include <vector>

namespace elbo {

/// An image with zeros around it.
class Bordered {
public:
    /// Of so many lines of so many floats; and as many lines and floats before them, and in all.
    struct Extent {
        std::size_t lines, length, lines_before, before, all_lines, all;
    };
    explicit Bordered(const Extent& extent);
    /// The image with its border, valid until the next call; the image itself where there is none.
    const float* around(const float* image);
    std::size_t line_step() const { return extent_.all; }

private:
    bool has_border() const { return extent_.all != extent_.length || extent_.all_lines != extent_.lines; }

    Extent extent_;
    AlignedFloats room_;
};

/// One thread's. Rows of images have no gaps between them; weights lie as Convolution says. Sizes are the caller's
/// care. Each way may go over the rows in pieces after its begin; the gradient by the weights is there at its end.
class DirectConvolution {
public:
    explicit DirectConvolution(const ConvolutionShape& shape);

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
        std::size_t line, place;         ///< the first pixel
        std::size_t lines, places;       ///< in steps of the stride
        std::size_t first_y, first_x;    ///< of diff_y with its border, what the first pixel sees
        std::size_t taps_down, taps;     ///< so many of them
        std::vector<std::size_t> weight; ///< where each value of what is seen finds the weight to its first channel
        Panels panels;
    };

    Windows windows(const float* x);
    Phase phase_of(std::size_t down, std::size_t right, std::size_t border) const;

    ConvolutionShape shape_;
    std::vector<std::size_t> window_weight_; ///< of each value of a window, to the first channel of the result
    Panels weight_, diff_weight_;
    Bordered image_, diff_;
    std::vector<Phase> phases_;
};

} // namespace elbo
