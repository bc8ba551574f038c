// Which kernels compute a convolution: elbo's own for floats on one thread, else oneDNN's; and for the gradient by
// images of few channels a product whose windows are summed.
#include "numerics/convolution.hpp"

#include "base/error.hpp"
#include "numerics/direct_convolution.hpp"
#include "numerics/onednn.hpp"
#include "numerics/onednn_convolution.hpp"
#include "numerics/overlap_add.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace elbo {

using Way = OnednnConvolution::Way;

double ConvolutionShape::flops() const {
    return 2.0 * static_cast<double>(out_height() * out_width()) * static_cast<double>(weights());
}

namespace {

std::string name_of(const ConvolutionShape& s) {
    return fmt::format("a convolution of {} x {} x {} to {} channels (kernel {}, stride {}, padding {})", s.height,
                       s.width, s.channels, s.out_channels, s.kernel, s.stride, s.padding);
}

} // namespace

struct Convolution::Kernels {
    ConvolutionShape shape;
    OnednnConvolution library;
    std::optional<OverlapAdd> overlap_add{};   ///< where it is the faster way to the input
    std::optional<DirectConvolution> direct{}; ///< made on first use

    void require(ConstAnyMatrix x, ConstAnyMatrix weight, ConstAnyMatrix y) const {
        const auto gaps = [](ConstAnyMatrix m) { return m.rows() > 1 && m.stride() != m.columns(); };
        if (x.columns() != shape.inputs() || y.columns() != shape.outputs() || x.rows() != y.rows() ||
            weight.rows() != 1 || weight.columns() != shape.weights() || gaps(x) || gaps(y))
            fail("images {} x {}, weights {} x {} and results {} x {} do not fit", x.rows(), x.columns(), weight.rows(),
                 weight.columns(), y.rows(), y.columns());
    }

    /// compute() unless there are no rows; errors name the shape.
    template <class Compute>
    void run(ConstAnyMatrix x, ConstAnyMatrix weight, ConstAnyMatrix y, const Compute& compute) const {
        try {
            require(x, weight, y);
            if (x.rows() > 0) compute();
        } catch (const std::exception& error) {
            fail("{}, {} rows: {}", name_of(shape), x.rows(), error.what());
        }
    }

    static bool is_direct(Precision precision) { return precision == Precision::fp32 && onednn_threads() <= 1; }

    /// Null where oneDNN's kernels are for this precision.
    DirectConvolution* direct_for(Precision precision) {
        if (!is_direct(precision)) return nullptr;
        if (!direct) direct.emplace(shape);
        return &*direct;
    }
};

Convolution::Convolution(const ConvolutionShape& shape) : kernels_(new Kernels{shape, OnednnConvolution(shape)}) {
    if (shape.out_height() == 0 || shape.out_width() == 0 || shape.weights() == 0 || shape.stride == 0)
        fail("a kernel of {} with stride {} and padding {} does not fit images of {} x {} x {}", shape.kernel,
             shape.stride, shape.padding, shape.height, shape.width, shape.channels);
    if (OverlapAdd::suits(shape)) kernels_->overlap_add.emplace(shape);
}
Convolution::Convolution(Convolution&&) noexcept = default;
Convolution& Convolution::operator=(Convolution&&) noexcept = default;
Convolution::~Convolution() = default;

const ConvolutionShape& Convolution::shape() const { return kernels_->shape; }

void Convolution::require_kernels(std::size_t rows, Precision precision) const {
    if (Kernels::is_direct(precision)) return;
    try {
        for (const Way way : {Way::forward, Way::to_input, Way::to_weight})
            if (way != Way::to_input || !kernels_->overlap_add) kernels_->library.require_kernels(way, rows, precision);
    } catch (const Error& error) {
        fail("{}: {}", name_of(shape()), error.what());
    }
}

void Convolution::forward(ConstAnyMatrix x, ConstAnyMatrix weight, AnyMatrix y) {
    kernels_->run(x, weight, y, [&] {
        if (DirectConvolution* direct = kernels_->direct_for(x.precision()))
            direct->forward(x.as<float>(), weight.as<float>().data(), y.as<float>());
        else
            kernels_->library.run(Way::forward, x, weight, y);
    });
}

void Convolution::back_to_input(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x) {
    kernels_->run(diff_x, weight, diff_y, [&] {
        if (kernels_->overlap_add)
            (*kernels_->overlap_add)(diff_y, weight, diff_x);
        else if (DirectConvolution* direct = kernels_->direct_for(diff_y.precision()))
            direct->back_to_input(diff_y.as<float>(), weight.as<float>().data(), diff_x.as<float>());
        else
            kernels_->library.run(Way::to_input, diff_x, weight, diff_y);
    });
}

void Convolution::back_to_weight(ConstAnyMatrix x, ConstAnyMatrix diff_y, Matrix<float> diff_weight) {
    kernels_->run(x, diff_weight, diff_y, [&] {
        if (DirectConvolution* direct = kernels_->direct_for(x.precision()))
            direct->back_to_weight(x.as<float>(), diff_y.as<float>(), diff_weight.data());
        else
            kernels_->library.run(Way::to_weight, x, diff_weight, diff_y);
    });
    if (x.rows() == 0) std::ranges::fill(diff_weight.row(0), 0.0F);
}

} // namespace elbo
