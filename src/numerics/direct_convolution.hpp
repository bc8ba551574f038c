// Convolutions by products of windows: forward, and the gradients by the images and by the weights.
#pragma once

#include "numerics/convolution.hpp"
#include "numerics/window_product.hpp"

#include <optional>
#include <variant>
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

/// An image with zeros around it, or two of BFloat16 as pairs of their elements. One kind of elements for each.
class Framed {
public:
    explicit Framed(const ConvolutionShape& shape);
    std::size_t line_step() const { return (shape_.width + 2 * shape_.padding) * shape_.channels; }
    /// The image with its frame, valid until the next call; the image itself where it needs none. To: float, into which
    /// BFloat16s are widened, or BFloat16.
    template <class To, class From>
    const To* around(const From* image);
    const BFloat16Pair* around(const BFloat16* first, const BFloat16* second);

private:
    template <class T, class Write>
    const T* write_lines(const Write& write);

    ConvolutionShape shape_;
    AlignedFloats room_;
};

/// What is multiplied where images and weights are kept in bf16.
enum class Factors { floats, pairs };

/// One thread's. Rows of images have no gaps between them; weights lie as Convolution says. Sizes are the caller's
/// care. Each way may go over the rows in pieces after its begin; the gradient by the weights is there at its end.
/// What is read is of one precision; in bf16 it is widened, or multiplied in pairs where an even number of neighbours
/// is summed.
class DirectConvolution {
public:
    DirectConvolution(const ConvolutionShape& shape, Precision precision, Factors factors = Factors::floats);
    /// Rows of a piece at most.
    std::size_t images_at_once() const { return images_at_once_; }

    void begin_forward(ConstAnyMatrix weight);
    void forward(ConstAnyMatrix x, AnyMatrix y);

    void begin_back_to_input(ConstAnyMatrix weight);
    void back_to_input(ConstAnyMatrix diff_y, AnyMatrix diff_x);

    void begin_back_to_weight();
    void back_to_weight(ConstAnyMatrix x, ConstAnyMatrix diff_y);
    void end_back_to_weight(float* diff_weight) const;

private:
    using AnyPanels = std::variant<Panels<float>, Panels<BFloat16Pair>>;

    /// Pixels of the image whose distance to the kernel's steps is the same, vertically and horizontally: they see the
    /// same part of the kernel.
    struct Phase {
        std::size_t line, place;            ///< the first pixel
        std::ptrdiff_t first_y, first_x;    ///< of diff_y, what the first pixel sees
        std::vector<Segment> lines, places; ///< in steps of the stride
        std::size_t taps;                   ///< of a line of the kernel
        std::vector<std::size_t> weight;    ///< where each value of what is seen finds the weight to its first channel
        AnyPanels panels;
    };

    /// Floats of what is read and written in bf16.
    struct Copies {
        AlignedFloats read, written;
        template <class T>
        Matrix<const T> elements(ConstAnyMatrix of);
        template <class T, class Compute>
        void compute_to(AnyMatrix result, const Compute& compute);
    };

    /// For sums over places of so many channels.
    static AnyPanels panels_for(std::size_t rows, std::size_t columns, std::size_t channels, Factors factors);
    Phase phase_of(std::size_t down, std::size_t right, Factors factors) const;
    void prepare_pairs();
    void forward_framed(const Panels<BFloat16Pair>& weight, Matrix<const BFloat16> x, AnyMatrix y);
    void add_pairs(Matrix<const BFloat16> x, Matrix<const BFloat16> diff_y);
    /// The windows of a framed image, `width` of whose values make an element.
    template <class T>
    Windows<T> framed_windows(const T* framed, std::size_t width = 1) const;

    ConvolutionShape shape_;
    std::size_t images_at_once_;             ///< so that they lie in the second-level cache
    std::vector<std::size_t> window_weight_; ///< of each value of a window, to the first channel of the result
    AnyPanels weight_;
    Panels<float> diff_weight_;
    std::vector<Segment> lines_, places_;
    Framed framed_;
    std::optional<Framed> framed_in_pairs_; ///< where an odd number of channels makes pairs in a frame alone
    std::vector<Phase> phases_;
    Copies copies_;
    std::vector<BFloat16> no_image_;         ///< the last one's partner where their number is odd
    std::vector<BFloat16Pair> result_pairs_; ///< of two images
};

} // namespace elbo
