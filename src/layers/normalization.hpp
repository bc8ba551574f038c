// Group and layer normalisation with a gain and a bias for each channel, and an activation. The statistics are those of
// one sample, so that it does not matter which samples share a batch or a rank.
#pragma once

#include "layers/activation.hpp"
#include "layers/layer.hpp"
#include "numerics/normalize.hpp"

namespace elbo::layers {

class Normalization final : public Layer {
public:
    struct Keys {
        NormalizedGroups groups;
        double epsilon;
        Activation activation;
    };

    /// A sample is a number of slabs of the groups' places and channels.
    Normalization(const Keys& keys, const Building& building);

    const Shape& output() const override { return output_; }
    Operation operation(const Shape& input) const override;
    double flops_per_sample() const override { return 0; } ///< no products
    void forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) override;
    void backward(const Pass& pass, ConstAnyMatrix in, ConstAnyMatrix out, AnyMatrix diff_out, AnyMatrix diff_in,
                  std::span<float> gradients, const FinalFrom& final_from) override;

private:
    std::size_t slabs() const { return elements(output_) / (groups_.places * groups_.channels); } ///< of a sample
    /// A sample a row as a place a row.
    template <class Any>
    Any places_of(Any samples) const {
        const std::size_t channels = groups_.channels;
        return {samples.data(), samples.precision(), samples.rows() * (elements(output_) / channels), channels,
                channels};
    }
    AnyMatrix slope(std::size_t rows) const;
    Matrix<float> statistics(std::size_t rows) const;
    std::span<float> scratch() const { return {workspace_.at(scratch_), groups_.scratch()}; }

    NormalizedGroups groups_;
    float epsilon_;
    Activation activation_;
    Precision precision_;
    Shape output_;
    Workspace& workspace_;
    std::size_t gain_ = 0, bias_ = 0;
    std::size_t statistics_ = 0, scratch_ = 0, slope_ = 0; ///< in the workspace
    bool keeps_slope_;
};

/// The rows of the table of layers.
const LayerKind& group_normalization_kind();
const LayerKind& layer_normalization_kind();

} // namespace elbo::layers
