#include "layers/residual.hpp"

#include "base/error.hpp"
#include "layers/activation.hpp"

namespace elbo::layers {
namespace {

class Residual final : public Layer {
public:
    Residual(const std::vector<config::Settings>& layers, Activation activation, const Building& building)
        : activation_(activation),
          precision_(building.precision),
          workspace_(building.workspace),
          keeps_slope_(activation_kind(activation).keeps_slope),
          block_(layers, building) {
        if (block_.empty()) reject("a residual block needs a layer that computes");
        if (block_.output() != building.input)
            reject("the block makes {} of {}, but its result is added to its input and must have its shape: change the "
                   "shape by a layer before the block",
                   describe(block_.output()), describe(building.input));
        if (keeps_slope_) slope_ = workspace_.plan(building.max_rows * elements(output()), precision_);
    }

    const Shape& output() const override { return block_.output(); }
    Operation operation(const Shape& input) const override {
        return {.kind = Operation::Kind::residual,
                .input = input,
                .output = output(),
                .block = block_.operations(),
                .activation = activation_};
    }
    double flops_per_sample() const override { return block_.flops_per_sample(); }
    double flops_to_input() const override { return block_.first_layer_flops(); }
    std::span<const NamedShape> inside() const override { return block_.shapes(); }

    void forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) override {
        add(block_.forward(pass, in), in, out);
        if (activation_ != Activation::identity) activate(activation_, {}, out, slope(out.rows()));
    }

    void backward(const Pass& pass, ConstAnyMatrix, ConstAnyMatrix out, AnyMatrix diff_out, AnyMatrix diff_in,
                  std::span<float> gradients, const FinalFrom& final_from) override {
        if (activation_ != Activation::identity) {
            const ConstAnyMatrix kept = keeps_slope_ ? ConstAnyMatrix(slope(out.rows())) : out;
            backpropagate_activation(activation_, kept, diff_out, {});
        }
        copy(diff_out, block_.diff_output());
        block_.backward(pass, diff_in, gradients, final_from);
        if (diff_in.columns() != 0) add(diff_in, diff_out, diff_in);
    }

private:
    AnyMatrix slope(std::size_t rows) const {
        if (!keeps_slope_) return {};
        return workspace_.matrix(slope_, precision_, rows, elements(output()));
    }

    Activation activation_;
    Precision precision_;
    Workspace& workspace_;
    bool keeps_slope_;
    Stack block_;
    std::size_t slope_ = 0; ///< in the workspace
};

std::unique_ptr<Layer> make_residual(const config::Settings& settings, const Building& building) {
    return std::make_unique<Residual>(settings.layers, activation_kind(settings.text("activation")).activation,
                                      building);
}

} // namespace

const LayerKind& residual_kind() {
    using config::Type;
    static const LayerKind kind{
        {"residual",
         "a block of layers whose result is added to its input",
         {{"residual", Type::layers, "", "the block's layers", config::Effect::model}, activation_key("identity")}},
        make_residual};
    return kind;
}

} // namespace elbo::layers
