#include "layers/upsample.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "layers/upsample.cpp"
#include <hwy/foreach_target.h>

#include "numerics/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace elbo::layers::HWY_NAMESPACE {
namespace simd = elbo::simd::HWY_NAMESPACE;
using simd::all;
using simd::V;

/// small(h, w, c) = sum of large over rows factor h .. factor h + factor - 1 and the same columns of w.
template <class Large, class Small>
void gather_image(const Large* large, Small* small, std::size_t height, std::size_t width, std::size_t channels,
                  std::size_t factor) {
    const std::size_t large_row = width * factor * channels;
    for (std::size_t h = 0; h < height; ++h)
        for (std::size_t w = 0; w < width; ++w) {
            const Large* first = large + h * factor * large_row + w * factor * channels;
            Small* to = small + (h * width + w) * channels;
            simd::for_each_vector(channels, [&](auto at) HWY_ATTR {
                V sum = all(0);
                for (std::size_t i = 0; i < factor; ++i)
                    for (std::size_t j = 0; j < factor; ++j) sum = sum + at.load(first + i * large_row + j * channels);
                at.store(sum, to);
            });
        }
}

void gather(ConstAnyMatrix large, AnyMatrix small, const Shape& shape, std::size_t factor) {
    large.visit([&](auto from) {
        small.visit([&](auto to) {
            for (std::size_t i = 0; i < from.rows(); ++i)
                gather_image(from.row(i).data(), to.row(i).data(), shape[0], shape[1], shape[2], factor);
        });
    });
}

} // namespace elbo::layers::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "layers/images.hpp"

#include <algorithm>

namespace elbo::layers {
namespace {

HWY_EXPORT(gather);

class Upsample final : public Layer {
public:
    Upsample(std::size_t factor, const Building& building) : factor_(factor) {
        const Image image = image_of(building.input);
        input_ = {image.height, image.width, image.channels};
        output_ = {image.height * factor, image.width * factor, image.channels};
    }

    const Shape& output() const override { return output_; }
    Operation operation(const Shape& input) const override {
        return {.kind = Operation::Kind::upsample, .input = input, .output = output_, .factor = factor_};
    }
    double flops_per_sample() const override { return 0; } ///< no products

    void forward(const Pass&, ConstAnyMatrix in, AnyMatrix out) override {
        in.visit([&](auto from) {
            out.visit([&](auto to) {
                for (std::size_t i = 0; i < from.rows(); ++i) repeat(from.row(i), to.row(i));
            });
        });
    }

    void backward(const Pass&, ConstAnyMatrix, ConstAnyMatrix, AnyMatrix diff_out, AnyMatrix diff_in, std::span<float>,
                  const FinalFrom&) override {
        if (diff_in.columns() != 0) HWY_DYNAMIC_DISPATCH(gather)(diff_out, diff_in, input_, factor_);
    }

private:
    static float number(float x) { return x; }
    static float number(BFloat16 x) { return to_float(x); }
    static void set(float& to, float x) { to = x; }
    static void set(BFloat16& to, float x) { to = to_bfloat16(x); }

    /// large(h, w, c) = small(h / factor, w / factor, c)
    template <class Small, class Large>
    void repeat(std::span<const Small> small, std::span<Large> large) const {
        const std::size_t channels = input_[2], row = output_[1] * channels;
        auto to = large.begin();
        for (std::size_t h = 0; h < input_[0]; ++h) {
            const auto line = to;
            for (std::size_t w = 0; w < input_[1]; ++w) {
                const std::span<const Small> pixel = small.subspan((h * input_[1] + w) * channels, channels);
                for (std::size_t j = 0; j < factor_; ++j)
                    for (const Small x : pixel) set(*to++, number(x));
            }
            for (std::size_t i = 1; i < factor_; ++i) to = std::copy_n(line, row, to);
        }
    }

    std::size_t factor_;
    Shape input_, output_;
};

} // namespace

const LayerKind& upsample_kind() {
    using config::Type;
    static const LayerKind kind{
        {"upsample",
         "images enlarged, every pixel repeated (nearest neighbour)",
         {{"upsample", Type::integer, "", "factor on height and width", config::Effect::model, 2, 64}}},
        [](const config::Settings& settings, const Building& building) -> std::unique_ptr<Layer> {
            return std::make_unique<Upsample>(static_cast<std::size_t>(settings.integer("upsample")), building);
        }};
    return kind;
}

} // namespace elbo::layers
#endif
