// Which kernels compute a convolution: elbo's own on one thread, in bf16 only where oneDNN has no tiles for it, else
// oneDNN's; and for the gradient by images of few channels a product whose windows are summed.
#include "numerics/convolution.hpp"

#include "base/error.hpp"
#include "numerics/direct_convolution.hpp"
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
    std::optional<DirectConvolution> direct{}; ///< made on first use, for one precision
    Precision direct_precision{};

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

    /// Null where oneDNN's kernels are for this precision.
    DirectConvolution* direct_for(Precision precision) {
        if (!direct_kernels_are_for(precision)) return nullptr;
        if (!direct || direct_precision != precision)
            direct.emplace(shape, precision,
                           precision == Precision::bf16 && multiplies_pairs_fast() ? Factors::pairs : Factors::floats);
        direct_precision = precision;
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
    if (direct_kernels_are_for(precision)) return;
    try {
        for (const Way way : {Way::forward, Way::to_input, Way::to_weight})
            if (way != Way::to_input || !kernels_->overlap_add) kernels_->library.require_kernels(way, rows, precision);
    } catch (const Error& error) {
        fail("{}: {}", name_of(shape()), error.what());
    }
}

namespace {

/// call(first, count) between the hooks, for pieces of so many rows.
template <class Call>
void in_pieces(std::size_t rows, std::size_t piece, const RowHooks& hooks, const Call& call) {
    for (std::size_t first = 0; first < rows; first += piece) {
        const std::size_t count = std::min(piece, rows - first);
        if (hooks.next) hooks.next(first, count);
        call(first, count);
        if (hooks.done) hooks.done(first, count);
    }
}

} // namespace

void Convolution::forward(ConstAnyMatrix x, ConstAnyMatrix weight, AnyMatrix y, const RowHooks& hooks) {
    kernels_->run(x, weight, y, [&] {
        DirectConvolution* const direct = kernels_->direct_for(x.precision());
        if (direct != nullptr) direct->begin_forward(weight);
        in_pieces(x.rows(), direct ? direct->images_at_once() : x.rows(), hooks,
                  [&](std::size_t first, std::size_t count) {
                      const ConstAnyMatrix images = x.some_rows(first, count);
                      const AnyMatrix results = y.some_rows(first, count);
                      if (direct != nullptr)
                          direct->forward(images, results);
                      else
                          kernels_->library.run(Way::forward, images, weight, results);
                  });
    });
}

void Convolution::back_to_input(ConstAnyMatrix diff_y, ConstAnyMatrix weight, AnyMatrix diff_x, const RowHooks& hooks) {
    kernels_->run(diff_x, weight, diff_y, [&] {
        const bool few_channels = kernels_->overlap_add.has_value();
        DirectConvolution* const direct = few_channels ? nullptr : kernels_->direct_for(diff_y.precision());
        if (direct != nullptr) direct->begin_back_to_input(weight);
        in_pieces(diff_y.rows(), direct ? direct->images_at_once() : diff_y.rows(), hooks,
                  [&](std::size_t first, std::size_t count) {
                      const ConstAnyMatrix results = diff_y.some_rows(first, count);
                      const AnyMatrix images = diff_x.some_rows(first, count);
                      if (few_channels)
                          (*kernels_->overlap_add)(results, weight, images);
                      else if (direct != nullptr)
                          direct->back_to_input(results, images);
                      else
                          kernels_->library.run(Way::to_input, images, weight, results);
                  });
    });
}

void Convolution::back_to_weight(ConstAnyMatrix x, ConstAnyMatrix diff_y, Matrix<float> diff_weight,
                                 const RowHooks& hooks) {
    kernels_->run(x, diff_weight, diff_y, [&] {
        DirectConvolution* const direct = kernels_->direct_for(x.precision());
        if (direct != nullptr) direct->begin_back_to_weight();
        in_pieces(x.rows(), direct ? direct->images_at_once() : x.rows(), hooks,
                  [&](std::size_t first, std::size_t count) {
                      const ConstAnyMatrix images = x.some_rows(first, count), results = diff_y.some_rows(first, count);
                      if (direct != nullptr)
                          direct->back_to_weight(images, results);
                      else
                          kernels_->library.run(Way::to_weight, images, diff_weight, results);
                  });
        if (direct != nullptr) direct->end_back_to_weight(diff_weight.data());
    });
    if (x.rows() == 0) std::ranges::fill(diff_weight.row(0), 0.0F);
}

} // namespace elbo
