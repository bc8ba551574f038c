// The gradient of a convolution by its input, or a transposed convolution, where the images have few channels: oneDNN's
// kernels spread an image's channels over a vector, and of one channel use a sixteenth of it. Here a product makes the
// windows of all places, which are then summed where they overlap (col2im).
#pragma once

#include "numerics/convolution.hpp"
#include "numerics/matmul.hpp"
#include "numerics/memory.hpp"
#include "numerics/window_product.hpp"

#include <optional>
#include <vector>

namespace elbo {

class OverlapAdd {
public:
    explicit OverlapAdd(const ConvolutionShape& shape);

    /// True where this is the faster way: of eight channels and fewer, 1.2 (eight) to 5 times (one, a kernel of 5).
    static bool suits(const ConvolutionShape& shape);

    /// As Convolution::back_to_input().
    void operator()(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x);

private:
    ConstAnyMatrix arranged(ConstAnyMatrix weight);
    void gather(ConstAnyMatrix weight);
    /// windows = diff_y weight, by elbo's own kernels. Rows have no gaps between them.
    void multiply_places(ConstAnyMatrix diff_y, Matrix<float> windows);
    void copy_image(AnyMatrix to) const;
    std::size_t framed_line() const { return (shape_.width + 2 * shape_.padding) * shape_.channels; }
    std::size_t window() const { return shape_.kernel * shape_.kernel * shape_.channels; }
    std::size_t places() const { return shape_.out_height() * shape_.out_width(); }

    ConvolutionShape shape_;
    Product product_{Transpose::none};
    std::vector<std::size_t> weight_rows_; ///< where those of the arranged weight begin
    Panels<float> panels_;
    std::optional<Panels<BFloat16Pair>> pairs_; ///< where these are faster, of an even number of channels
    std::size_t images_at_once_;                ///< so that their windows lie in the cache
    AlignedFloats windows_;                     ///< [images, places, kernel, kernel, channels]
    AlignedFloats framed_;                      ///< [height, width, channels], with padding around it
    AlignedFloats weight_, weight_rounded_; ///< [out channels, kernel, kernel, channels]; the latter holds BFloat16s
    AlignedFloats widened_;                 ///< of bf16, made on first use: [images, places, out channels]
};

} // namespace elbo
