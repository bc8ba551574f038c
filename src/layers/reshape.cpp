// Elements keep their order, H, W, C for images, so that nothing is computed or moved.
#include "layers/reshape.hpp"

#include "base/error.hpp"

#include <stdexcept>

namespace elbo::layers {
namespace {

class View final : public Layer {
public:
    explicit View(Shape output) : output_(std::move(output)) {}
    const Shape& output() const override { return output_; }
    Operation operation(const Shape& input) const override { return {.input = input, .output = output_}; }
    double flops_per_sample() const override { return 0; }
    bool is_view() const override { return true; }
    void forward(const Pass&, ConstAnyMatrix, AnyMatrix) override { refuse(); }
    void backward(const Pass&, ConstAnyMatrix, ConstAnyMatrix, AnyMatrix, AnyMatrix, std::span<float>,
                  const FinalFrom&) override {
        refuse();
    }

private:
    [[noreturn]] static void refuse() { throw std::logic_error("a view has no passes"); }
    Shape output_;
};

std::unique_ptr<Layer> make_flatten(const config::Settings&, const Building& building) {
    return std::make_unique<View>(Shape{elements(building.input)});
}

std::unique_ptr<Layer> make_reshape(const config::Settings& settings, const Building& building) {
    const Shape shape = settings.counts("reshape");
    if (elements(shape) != elements(building.input))
        reject("{} has {} elements, but its input, {}, has {}", describe(shape), elements(shape),
               describe(building.input), elements(building.input));
    return std::make_unique<View>(shape);
}

} // namespace

const LayerKind& flatten_kind() {
    static const LayerKind kind{{"flatten", "elements in order: H, W, C of images"}, make_flatten};
    return kind;
}

const LayerKind& reshape_kind() {
    using config::Type;
    static const LayerKind kind{{"reshape",
                                 "the same elements in another shape, [height, width, channels] of images",
                                 {{"reshape", Type::integers, "", "the shape", config::Effect::model, 1, 1 << 20}}},
                                make_reshape};
    return kind;
}

} // namespace elbo::layers
