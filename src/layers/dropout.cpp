#include "layers/dropout.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "layers/dropout.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::layers::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
namespace hn = simd::hn;

/// out[j] = in[j] / (1 - probability), or 0 where uniform[j] < probability.
void drop(std::span<const float> uniform, float probability, ConstAnyMatrix in, AnyMatrix out) {
    const float scale = 1 / (1 - probability);
    in.visit([&](auto from) {
        out.visit([&](auto to) {
            simd::for_each_vector(uniform.size(), [&](auto at) HWY_ATTR {
                const auto kept = hn::Ge(at.load(uniform.data()), simd::all(probability));
                at.store(hn::IfThenElseZero(kept, at.load(from.data()) * simd::all(scale)), to.data());
            });
        });
    });
}

} // namespace elbo::layers::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "numerics/random.hpp"

namespace elbo::layers {
namespace {

HWY_EXPORT(drop);

/// FNV-1a, 32 bits: layers draw apart from each other, and the same when others are added.
std::uint32_t draw_of(std::string_view path) {
    std::uint32_t hash = 2166136261u;
    for (const char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    return hash;
}

class Dropout final : public Layer {
public:
    Dropout(float probability, const Building& building)
        : probability_(probability),
          draw_(draw_of(building.path)),
          output_(building.input),
          workspace_(building.workspace),
          uniform_(workspace_.plan(elements(output_))) {}

    const Shape& output() const override { return output_; }
    Operation operation(const Shape& input) const override { return {.input = input, .output = output_}; }
    double flops_per_sample() const override { return 0; } ///< no products

    void forward(const Pass& pass, ConstAnyMatrix in, AnyMatrix out) override { drop(pass, in, out); }

    void backward(const Pass& pass, ConstAnyMatrix, ConstAnyMatrix, AnyMatrix diff_out, AnyMatrix diff_in,
                  std::span<float>, const FinalFrom&) override {
        if (diff_in.columns() != 0) drop(pass, diff_out, diff_in);
    }

private:
    /// The same of values and of their gradients.
    void drop(const Pass& pass, ConstAnyMatrix from, AnyMatrix to) {
        if (!pass.dropout) return copy(from, to);
        const std::span<float> uniform(workspace_.at(uniform_), from.columns());
        for (std::size_t i = 0; i < from.rows(); ++i) {
            fill_uniform(pass.dropout->stream, pass.dropout->samples[i], draw_, uniform);
            HWY_DYNAMIC_DISPATCH(drop)(uniform, probability_, from.some_rows(i, 1), to.some_rows(i, 1));
        }
    }

    float probability_;
    std::uint32_t draw_;
    Shape output_;
    Workspace& workspace_;
    std::size_t uniform_; ///< a row's numbers, in the workspace
};

} // namespace

const LayerKind& dropout_kind() {
    static const LayerKind kind{
        {"dropout",
         "in training, elements become 0 with a probability, and the others larger so that the mean stays",
         {{.name = "dropout",
           .type = config::Type::number,
           .fallback = "",
           .meaning = "probability",
           .least = 0,
           .most = 1,
           .exclusive = true}}},
        [](const config::Settings& settings, const Building& building) -> std::unique_ptr<Layer> {
            return std::make_unique<Dropout>(static_cast<float>(settings.number("dropout")), building);
        }};
    return kind;
}

} // namespace elbo::layers
#endif
