// Convolutions of images and their transposes, with bias and activation. Images are [height, width, channels].
#pragma once

#include "layers/activation.hpp"
#include "layers/layer.hpp"
#include "numerics/convolution.hpp"

namespace elbo::layers {

/// out = f(in * W + b), or with the transposed convolution. Parameters "<path>/weight", as PyTorch has it ([out, in, k,
/// k], transposed [in, out, k, k]), and "<path>/bias" [out].
class ConvolutionLayer final : public Layer {
public:
    struct Keys {
        std::size_t channels, kernel, stride, padding;
        Activation activation;
    };

    /// Throws InputError where the input is no image or the kernel does not fit it.
    ConvolutionLayer(bool transposed, const Keys& keys, const Building& building);

    const Shape& output() const override { return output_; }
    Operation operation(const Shape& input) const override;
    double flops_per_sample() const override { return convolution_.shape().flops(); }
    void forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) override;
    void backward(const Pass& pass, ConstAnyMatrix in, ConstAnyMatrix out, AnyMatrix diff_out, AnyMatrix diff_in,
                  std::span<float> gradients, const FinalFrom& final_from) override;

private:
    ConstAnyMatrix weight(const Values& values) const;
    std::size_t channels() const { return output_.back(); }
    std::size_t places() const { return output_[0] * output_[1]; } ///< of an image
    /// A sample a row as a place a row.
    AnyMatrix places_of(AnyMatrix images) const;
    ConstAnyMatrix places_of(ConstAnyMatrix images) const;
    /// Of some images' places.
    AnyMatrix slope(std::size_t first, std::size_t count) const;

    bool transposed_;
    Activation activation_;
    Precision precision_;
    Shape output_;
    Convolution convolution_; ///< from the input or, where transposed, from the output
    std::size_t weight_ = 0, bias_ = 0;
    Workspace& workspace_;
    std::size_t slope_ = 0; ///< in the workspace, where the activation keeps it
    bool keeps_slope_;
};

/// The rows of the table of layers.
const LayerKind& convolution_kind();
const LayerKind& transposed_convolution_kind();

} // namespace elbo::layers
