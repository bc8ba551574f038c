// The fully connected layer: out = f(in W^T + b), W as PyTorch has it, [out, in].
#pragma once

#include "layers/activation.hpp"
#include "layers/layer.hpp"
#include "numerics/matmul.hpp"
#include "numerics/window_product.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace elbo::layers {

class Dense final : public Layer {
public:
    /// Some of the outputs, as parameters of their own: "<path>/weight" [units, in] and "<path>/bias" [units].
    struct Part {
        std::string path;
        std::size_t units;
        Initial weight, bias;
    };

    /// Outputs are the parts' in turn. Their weights stand next to each other, then their biases, so that one product
    /// computes them all.
    Dense(Activation activation, std::span<const Part> parts, const Building& building);

    const Shape& output() const override { return output_; }
    Operation operation(const Shape& input) const override;
    double flops_per_sample() const override;
    void forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) override;
    void backward(const Pass& pass, ConstAnyMatrix in, ConstAnyMatrix out, AnyMatrix diff_out, AnyMatrix diff_in,
                  std::span<float> gradients, const FinalFrom& final_from) override;

private:
    std::size_t units() const { return output_.front(); }
    ConstAnyMatrix weight(const Values& values) const;
    AnyMatrix slope(std::size_t rows) const;
    /// With weights that stay as they are, and so are laid out for elbo's own kernels once.
    void forward_by_panels(const Values& values, Matrix<const float> in, Matrix<float> out);

    Activation activation_;
    Precision precision_;
    bool product_adds_bias_;
    std::size_t inputs_;
    Shape output_;
    std::size_t weight_ = 0, bias_ = 0; ///< offsets in the flat arrays
    std::size_t panel_rows_ = 0;        ///< of the weight's gradient, computed at a time
    std::size_t columns_ = 0;           ///< of the gradient by the input, the same
    Workspace& workspace_;
    std::size_t slope_ = 0; ///< in the workspace, where the activation keeps it
    bool keeps_slope_;
    Product product_, diff_weight_, diff_in_;
    std::optional<Panels<float>> panels_; ///< [inputs, units] of the values of an edition
    std::uint64_t edition_ = 0;
};

/// The row of the table of layers.
const LayerKind& dense_kind();

} // namespace elbo::layers
